r"""Hypervolume compression: latent points are pulled into a small dense island near the pole of their sphere.

The dimension-free parametrisation, the default. With c_k = cos phi_k of mu, m_k and s_k its batch mean and standard
deviation, b_k = 1/sqrt(n-k+1) the standard deviation under the uniform law on the sphere, r = |mu|, R = sqrt(n - 1/2):

    K = sum_k u_k [ f(1 + s_k - b_k) / 0.05 + (m_k - a_k)^2 ]     angles of mu;  u_k = (1/sqrt k) / sum_j (1/sqrt j)
      + mean_i (r_i / R - 1)^2                                    radius of mu
      + 1/2 mean_ik [ f(sigma_ik / rho) ]                         width: KL of N(0, sigma^2) from N(0, rho^2)

    f(t) = t^2 - ln t^2 - 1

How it stands to the published objective (`published.py`, METHOD equations 2 to 6): the angular term is the published
one with its weights 50 sqrt(n)/sqrt(k) normalised to sum 1, so that K does not grow with n; the two radial moments are
one relative squared error; and the two terms that pull sigma to rho (1, ..., 1), the only point where they vanish, are
the one divergence that vanishes there. All parts are of order 1 at any n, and the reconstruction beside them is in nats
per cell, so one weight needs no retuning with n, image size or batch; WEIGHT was chosen on development data.
"""

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from poleward.geometry.hypersphere import cosines, radius
from poleward.objectives.moments import excess
from poleward.objectives.objective import Objective, Posterior, batch_mean_and_std

WEIGHT = 0.1
"""Default weight of K beside a nat per cell."""

MEAN_SHARE = 0.05
"""The published weight of the mean term beside the spread term."""

RHO = 0.1
"""Width of the posterior in units of a coordinate of a point spread evenly over the sphere of radius sqrt(n)."""

EPS = 1e-3
"""Softening of the cosines, in squared units of a coordinate at radius sqrt(n): a tail below it carries no angle."""


def uniform_spread(n: int) -> Float[Tensor, "angles"]:
    """Standard deviation of cos phi_k under the uniform law on the sphere, 1/sqrt(n-k+1), k = 1..n-1.

    Source: METHOD section 1.

    >>> uniform_spread(4)
    tensor([0.5000, 0.5774, 0.7071], dtype=torch.float64)
    """
    return torch.arange(n, 1, -1, dtype=torch.float64).rsqrt()


def compression_target(kind: str, n: int) -> Float[Tensor, "angles"]:
    """Mean cosine a_k that mu is pulled to, METHOD equation (5): "full" 1, "half" 1/sqrt(n-k+1), "vmf" (1, 0, ..., 0).

    >>> compression_target("vmf", 4)
    tensor([1., 0., 0.], dtype=torch.float64)
    """
    if kind == "half":
        return uniform_spread(n)
    target = torch.ones(n - 1, dtype=torch.float64)
    if kind == "vmf":
        target[1:] = 0
    return target


class Compressed(Objective):
    """loss = reconstruction of codes on the sphere + weight * K, with K as in the head of this file.

    Parameters
    ----------
    kind : "full", "half" or "vmf", see `compression_target`
    weight, schedule : see `Objective`
    rho : above 0, posterior width asked for
    """

    spherical = True

    def __init__(
        self, kind: str = "full", weight: float = WEIGHT, schedule: str = "constant", rho: float = RHO
    ) -> None:
        super().__init__(weight, schedule)
        self.kind = kind
        self.rho = rho

    def regulariser(self, posterior: Posterior, n_cells: int) -> Tensor:
        """K, dimension-free: angles and radius of mu, width of the posterior."""
        mean = posterior.mean
        n = mean.shape[1]
        a, b, u = (part.to(mean) for part in _targets(self.kind, n))
        m, s = batch_mean_and_std(cosines(mean, eps=EPS))
        angular = (u * (excess(1 + s - b) / MEAN_SHARE + (m - a).square())).sum()
        radial = (radius(mean) / math.sqrt(n - 0.5) - 1).square().mean()
        log_ratio = posterior.log_variance - 2 * math.log(self.rho)
        width = 0.5 * (log_ratio.exp().mean() - log_ratio.mean() - 1)  # mean of f(sigma / rho) / 2
        return angular + radial + width


@lru_cache(maxsize=8)
def _targets(kind: str, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """a_k, b_k and the weights u_k, each (n - 1)."""
    u = torch.arange(1, n, dtype=torch.float64).rsqrt()
    return compression_target(kind, n), uniform_spread(n), u / u.sum()
