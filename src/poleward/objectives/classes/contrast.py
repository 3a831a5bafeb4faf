"""The contrastive losses, and a head that several objectives share: a projection, and a probe on detached features."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from poleward.objectives.classes.objective import ClassObjective

N_PROJECTED = 128


def contrastive_loss(points: Float[Tensor, "b n"], groups: Int[Tensor, "b"], temperature: float) -> Float[Tensor, ""]:
    """-mean_i mean_{p in P(i)} log [ exp(z_i.z_p / tau) / sum_{a != i} exp(z_i.z_a / tau) ], P(i) others of the group.

    points : unit vectors; groups : those with equal numbers attract each other. A point alone in its group has no
    positive and counts only as a negative. With one group per sample this is SimCLR's NT-Xent, with classes as groups
    it is SupCon (Khosla et al. 2020, equation 2).

    >>> contrastive_loss(torch.eye(2)[[0, 0]], torch.tensor([0, 0]), temperature=1.0).item()  # nothing to tell apart
    0.0
    """
    itself = torch.eye(len(points), dtype=torch.bool, device=points.device)
    similarity = (points @ points.T / temperature).masked_fill(itself, -torch.inf)
    log_share = similarity.log_softmax(dim=1).masked_fill(itself, 0.0)
    positive = (groups[:, None] == groups[None]) & ~itself
    counts = positive.sum(dim=1)
    per_point = -(log_share * positive).sum(dim=1) / counts.clamp_min(1)
    return per_point.sum() / (counts > 0).sum().clamp_min(1)


class Contrastive(ClassObjective):
    """Codes from a two-layer projection on the unit sphere; classes from a linear probe that sends no gradient back."""

    def __init__(self, n_features: int, n_classes: int, temperature: float, n_projected: int = N_PROJECTED) -> None:
        super().__init__()
        self.temperature = temperature
        self.projection = nn.Sequential(
            nn.Linear(n_features, n_features), nn.ReLU(inplace=True), nn.Linear(n_features, n_projected)
        )
        self.probe = nn.Linear(n_features, n_classes)

    def logits(self, features: Tensor) -> Tensor:
        """The probe's."""
        result: Tensor = self.probe(features)
        return result

    def codes(self, features: Tensor) -> Tensor:
        """Unit vectors (b, n)."""
        return nn.functional.normalize(self.projection(features), dim=1)

    def probe_loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of the probe alone."""
        return nn.functional.cross_entropy(self.logits(features.detach()), labels)
