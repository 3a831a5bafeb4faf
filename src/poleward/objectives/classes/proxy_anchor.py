"""Proxy-Anchor: one learned proxy per class, pulled to its samples and pushed from all others.

Source: Kim et al., Proxy Anchor Loss for Deep Metric Learning, CVPR 2020, equation 4; margin 0.1, alpha 32. The proxies
learn a hundred times as fast as the network there; here they do so through their length, which the loss does not see.
"""

import torch
from torch import Tensor, nn

from poleward.objectives.classes.contrast import N_PROJECTED
from poleward.objectives.classes.objective import ClassObjective

MARGIN = 0.1
ALPHA = 32.0

PROXY_LENGTH = 0.1
"""Gradients on a direction grow as the inverse of the vector's length, and the step on it as the inverse square."""


class ProxyAnchor(ClassObjective):
    """Codes are unit vectors of a linear embedding; logits are their cosines to the proxies."""

    def __init__(self, n_features: int, n_classes: int, margin: float = MARGIN, alpha: float = ALPHA) -> None:
        super().__init__()
        self.margin, self.alpha = margin, alpha
        self.embedding = nn.Linear(n_features, N_PROJECTED)
        directions = nn.functional.normalize(torch.randn(n_classes, N_PROJECTED), dim=1)
        self.proxies = nn.Parameter(PROXY_LENGTH * directions)

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """Mean over the proxies p present of log(1 + sum_{x of p} e^(-alpha (s - margin))), to pull, plus mean over all
        of log(1 + sum_{x not of p} e^(alpha (s + margin))), to push.
        """
        s = self.logits(features)
        own = nn.functional.one_hot(labels, s.shape[1]).bool()
        present = own.any(dim=0).sum()
        return (
            _log_one_plus_sum(-self.alpha * (s - self.margin), own).sum() / present
            + _log_one_plus_sum(self.alpha * (s + self.margin), ~own).mean()
        )

    def logits(self, features: Tensor) -> Tensor:
        """Cosines to the proxies."""
        return self.codes(features) @ nn.functional.normalize(self.proxies, dim=1).T

    def codes(self, features: Tensor) -> Tensor:
        """Unit vectors (b, n)."""
        return nn.functional.normalize(self.embedding(features), dim=1)


def _log_one_plus_sum(exponents: Tensor, counted: Tensor) -> Tensor:
    """log(1 + sum over the counted rows of e^exponent), per column."""
    among = exponents.masked_fill(~counted, -torch.inf)
    return torch.logsumexp(torch.cat([torch.zeros_like(among[:1]), among]), dim=0)
