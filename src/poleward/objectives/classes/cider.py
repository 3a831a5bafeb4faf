"""CIDER: samples close to the prototype of their class on the sphere, prototypes far from each other.

Source: Ming et al., How to Exploit Hyperspherical Embeddings for Out-of-Distribution Detection?, ICLR 2023, equations
5 to 7; tau = 0.1, prototypes a moving mean with factor 0.95, dispersion weight 2.
"""

import torch
from torch import Tensor, nn

from poleward.objectives.classes.contrast import N_PROJECTED
from poleward.objectives.classes.objective import ClassObjective

TEMPERATURE = 0.1
KEPT = 0.95
DISPERSION_WEIGHT = 2.0


class Cider(ClassObjective):
    """Dispersion of the prototypes * 2 + compactness of the samples around them."""

    views = 2
    prototypes: Tensor

    def __init__(self, n_features: int, n_classes: int, temperature: float = TEMPERATURE) -> None:
        super().__init__()
        self.temperature = temperature
        self.projection = nn.Sequential(
            nn.Linear(n_features, n_features), nn.ReLU(inplace=True), nn.Linear(n_features, N_PROJECTED)
        )
        self.register_buffer("prototypes", nn.functional.normalize(torch.randn(n_classes, N_PROJECTED), dim=1))

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """Over two views of each sample; moves the prototypes."""
        codes, classes = self.codes(features), labels.repeat(self.views)
        prototypes = self._moved(codes, classes)
        self.prototypes = prototypes.detach()
        compactness = nn.functional.cross_entropy(codes @ self.prototypes.T / self.temperature, classes)
        return DISPERSION_WEIGHT * dispersion(prototypes, self.temperature) + compactness

    def logits(self, features: Tensor) -> Tensor:
        """Cosines to the prototypes, divided by tau."""
        return self.codes(features) @ self.prototypes.T / self.temperature

    def codes(self, features: Tensor) -> Tensor:
        """Unit vectors (b, n)."""
        return nn.functional.normalize(self.projection(features), dim=1)

    def _moved(self, codes: Tensor, classes: Tensor) -> Tensor:
        """Prototypes after the batch: mu <- normalise(0.95 mu + 0.05 mean of its codes), for the classes present."""
        sums = torch.zeros_like(self.prototypes).index_add(0, classes, codes)
        counts = torch.bincount(classes, minlength=len(sums))[:, None]
        mean = sums / counts.clamp_min(1)
        moved = nn.functional.normalize(KEPT * self.prototypes + (1 - KEPT) * mean, dim=1)
        return torch.where(counts > 0, moved, self.prototypes)


def dispersion(prototypes: Tensor, temperature: float) -> Tensor:
    """mean_i log [ 1/(C-1) sum_{j != i} exp(mu_i . mu_j / tau) ]; 0 for a single class.

    >>> dispersion(torch.eye(3), temperature=0.1)
    tensor(0.)
    """
    n_classes = len(prototypes)
    if n_classes == 1:
        return prototypes.sum() * 0.0
    itself = torch.eye(n_classes, dtype=torch.bool, device=prototypes.device)
    similarity = (prototypes @ prototypes.T / temperature).masked_fill(itself, -torch.inf)
    log_counts = torch.log(torch.tensor(n_classes - 1.0, device=prototypes.device))
    return (similarity.logsumexp(dim=1) - log_counts).mean()
