"""The published objective with class labels, on the features of a network without a decoder.

K = 1000 L_phi(mu | y) + 300 L_r(mu) + G L_phi(sigma) + 500 L_r(sigma) (METHOD section 2). The published weight of K is
set so that K stands in a fixed proportion to the reconstruction error of epoch 0; without a reconstruction it is set so
that the first batch's loss is 1.
"""

import torch
from torch import Tensor, nn

from poleward.objectives.classes.axes import ClassAxes
from poleward.objectives.classes.islands import N_CODES
from poleward.objectives.classes.objective import ClassObjective
from poleward.objectives.objective import Posterior
from poleward.objectives.published import PublishedCompressed, angular_mu_by_class
from poleward.objectives.schedules import schedule_weight


class Published(ClassObjective):
    """K h(epoch) / K of the first batch, h the published schedule; codes are mu, logits its cosines to the class axes.

    Parameters
    ----------
    kind : "full" or "vmf"
    n_codes : at least 2
    """

    first: Tensor

    def __init__(self, n_features: int, n_classes: int, kind: str = "full", n_codes: int = N_CODES) -> None:
        super().__init__()
        self.n_codes = n_codes
        self.to_posterior = nn.Linear(n_features, 2 * n_codes)
        self.axes = ClassAxes(n_classes, n_codes)
        self.published = PublishedCompressed(kind)
        self.register_buffer("first", torch.zeros(()))

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """K h(epoch) / K of the first batch."""
        mean, log_variance = self.to_posterior(features).chunk(2, dim=1)
        angular = angular_mu_by_class(self.axes.own_coordinates(mean, labels), labels, epoch, self.published.kind)
        k = self.published.total(Posterior(mean, log_variance), angular)
        if self.first == 0:
            self.first.copy_(k.detach())
        return k / self.first * schedule_weight(self.published.schedule, epoch, n_epochs)

    def logits(self, features: Tensor) -> Tensor:
        """Cosines of mu to the class axes."""
        return nn.functional.normalize(self.codes(features), dim=1) @ self.axes.directions().T

    def codes(self, features: Tensor) -> Tensor:
        """mu, (b, n)."""
        result: Tensor = self.to_posterior(features)[:, : self.n_codes]
        return result
