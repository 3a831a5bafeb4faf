"""SupCon: samples of a class attract each other on the sphere, all others repel; its features serve KNN+ and SSD+.

Source: Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, equation 2; tau = 0.1.
"""

from torch import Tensor

from poleward.objectives.classes.contrast import Contrastive, contrastive_loss

TEMPERATURE = 0.1


class SupCon(Contrastive):
    """The contrastive loss with classes as groups, plus the probe's."""

    views = 2

    def __init__(self, n_features: int, n_classes: int, temperature: float = TEMPERATURE) -> None:
        super().__init__(n_features, n_classes, temperature)

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """Over two views of each sample."""
        groups = labels.repeat(self.views)
        attraction = contrastive_loss(self.codes(features), groups, self.temperature)
        return attraction + self.probe_loss(features, groups)
