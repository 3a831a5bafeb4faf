"""The norm-regularised autoencoder, "black hole at the centre" (METHOD section 4)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from poleward.objectives.objective import Objective, Posterior
from poleward.objectives.observation import Observation

WEIGHT = 0.1
"""Default weight of the code's norm beside the error's, chosen on development data."""


class Norm(Objective):
    """loss = mean_i |x_hat_i - x_i| / sqrt(d) + weight * mean_i |z_i| / sqrt(n), z the posterior mean.

    The norms are not squared. The published loss (METHOD section 4, ``published.NORM_SETTINGS``) leaves out the two
    square roots; they make the weight independent of the number of cells d and of latent dimensions n:
    published beta = weight * sqrt(d / n).
    """

    stochastic = False

    def __init__(self, weight: float = WEIGHT, schedule: str = "constant") -> None:
        super().__init__(weight, schedule)

    def reconstruction(
        self, observation: Observation, prediction: Tensor, values: Tensor, observed: Tensor | None
    ) -> Tensor:
        """Mean over the batch of the root mean squared error of the observed cells."""
        seen = torch.ones_like(values) if observed is None else observed.to(values.dtype)
        n_seen = seen.flatten(1).sum(1).clamp_min(1)
        return (error_norm(observation, prediction, values, seen) / n_seen.sqrt()).mean()

    def regulariser(self, posterior: Posterior, n_cells: int) -> Tensor:
        """Mean latent norm in units of sqrt(n)."""
        return torch.linalg.vector_norm(posterior.mean, dim=1).mean() / math.sqrt(posterior.mean.shape[1])


def error_norm(observation: Observation, prediction: Tensor, values: Tensor, seen: Tensor) -> Float[Tensor, "batch"]:
    """|x_hat_i - x_i| over the cells that were seen (1, else 0)."""
    return torch.linalg.vector_norm(((observation.reconstruction(prediction) - values) * seen).flatten(1), dim=1)
