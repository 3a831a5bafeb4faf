"""Cross-entropy together with SimCLR: views of one image attract each other, whatever the class.

Source: Winkens et al., Contrastive Training for Improved Out-of-Distribution Detection, 2020; NT-Xent with tau = 0.5
(Chen et al. 2020), both terms with weight 1, trained together from the start.
"""

import torch
from torch import Tensor, nn

from poleward.objectives.classes.contrast import Contrastive, contrastive_loss

TEMPERATURE = 0.5


class CeSimclr(Contrastive):
    """Cross-entropy of linear logits + the contrastive loss with samples as groups."""

    views = 2

    def __init__(self, n_features: int, n_classes: int, temperature: float = TEMPERATURE) -> None:
        super().__init__(n_features, n_classes, temperature)

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """Over two views of each sample."""
        samples = torch.arange(len(labels), device=labels.device).repeat(self.views)
        attraction = contrastive_loss(self.codes(features), samples, self.temperature)
        return nn.functional.cross_entropy(self.logits(features), labels.repeat(self.views)) + attraction
