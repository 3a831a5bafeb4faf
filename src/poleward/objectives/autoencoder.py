"""The plain autoencoder: reconstruction alone."""

import torch
from torch import Tensor

from poleward.objectives.objective import Objective, Posterior


class Plain(Objective):
    """loss = -log p(x | z = mean), nothing asked of the latent points."""

    stochastic = False

    def regulariser(self, posterior: Posterior, n_cells: int) -> Tensor:
        """Zero."""
        return torch.zeros((), device=posterior.mean.device, dtype=posterior.mean.dtype)
