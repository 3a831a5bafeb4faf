"""The norm-regularised autoencoder, "black hole at the centre" (METHOD section 4)."""

import math

import torch
from torch import Tensor

from poleward.objectives.objective import Objective, Posterior
from poleward.objectives.observation import Observation


class Norm(Objective):
    """loss = mean_i |x_hat_i - x_i| / sqrt(d) + weight * mean_i |z_i| / sqrt(n), norms not squared, z the posterior
    mean.

    The published loss (METHOD section 4, ``published.NORM_SETTINGS``) leaves out the two square roots; they make the
    weight independent of the number of cells d and of latent dimensions n: published beta = weight * sqrt(d / n).
    """

    stochastic = False

    def reconstruction(
        self, observation: Observation, prediction: Tensor, values: Tensor, observed: Tensor | None
    ) -> Tensor:
        """Mean over the batch of the root mean squared error of the observed cells."""
        error = observation.reconstruction(prediction) - values
        if observed is not None:
            error = error * observed
        return torch.linalg.vector_norm(error.flatten(1), dim=1).mean() / math.sqrt(math.prod(values.shape[1:]))

    def regulariser(self, posterior: Posterior, n_cells: int) -> Tensor:
        """Mean latent norm in units of sqrt(n)."""
        return torch.linalg.vector_norm(posterior.mean, dim=1).mean() / math.sqrt(posterior.mean.shape[1])
