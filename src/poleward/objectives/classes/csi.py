"""CSI with labels: SupCon in which a turned image is a class of its own, so that features notice shifted images.

Source: Tack et al., CSI: Novelty Detection via Contrastive Learning on Distributionally Shifted Instances, NeurIPS
2020, section 2.4 (labelled CSI), quarter turns as the shift; tau = 0.5. Classes come from a probe of the unturned
views.
"""

import torch
from torch import Tensor

from poleward.objectives.classes.contrast import Contrastive, contrastive_loss

TEMPERATURE = 0.5
QUARTER_TURNS = 4


class Csi(Contrastive):
    """The contrastive loss with (class, turn) as groups, over two views of each of the four turns."""

    views = 2 * QUARTER_TURNS
    turns = QUARTER_TURNS

    def __init__(self, n_features: int, n_classes: int, temperature: float = TEMPERATURE) -> None:
        super().__init__(n_features, n_classes, temperature)

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """Over eight views of each sample."""
        turn = torch.arange(self.views, device=labels.device).repeat_interleave(len(labels)) % self.turns
        classes = labels.repeat(self.views)
        attraction = contrastive_loss(self.codes(features), classes * self.turns + turn, self.temperature)
        return attraction + self.probe_loss(features[turn == 0], classes[turn == 0])
