"""The evidence lower bound of the variational autoencoder (Kingma and Welling 2014)."""

from jaxtyping import Float
from torch import Tensor

from poleward.objectives.objective import Objective, Posterior


def gaussian_kl(
    mean: Float[Tensor, "batch n"],
    log_variance: Float[Tensor, "batch n"],
    prior_mean: float = 0.0,
    prior_sigma: float = 1.0,
) -> Float[Tensor, "batch"]:
    """KL(N(mean, sigma^2) || N(mu_p, sigma_p^2)) per sample, in nats.

    = 1/2 sum_k [ (sigma_k^2 + (mean_k - mu_p)^2) / sigma_p^2 - ln(sigma_k^2 / sigma_p^2) - 1 ]

    >>> import torch
    >>> gaussian_kl(torch.tensor([[2.0]]), torch.tensor([[0.0]]))
    tensor([2.])
    """
    ratio = log_variance.exp() / prior_sigma**2
    distance = (mean - prior_mean).square() / prior_sigma**2
    return 0.5 * (ratio + distance - ratio.log() - 1).sum(dim=1)


def batch_kl(
    mean: Float[Tensor, "batch n"],
    log_variance: Float[Tensor, "batch n"],
    prior_mean: float = 0.0,
    prior_sigma: float = 1.0,
) -> Float[Tensor, ""]:
    """The same divergence written with batch statistics, METHOD equation (1); equals the batch mean of `gaussian_kl`.

    = 1/2 sum_k [ (Var_b mu_k + (E_b mu_k - mu_p)^2 + E_b sigma_k^2) / sigma_p^2 - E_b ln(sigma_k^2 / sigma_p^2) - 1 ]
    """
    spread = mean.var(dim=0, correction=0) + (mean.mean(dim=0) - prior_mean).square()
    ratio = log_variance.exp() / prior_sigma**2
    return 0.5 * (spread / prior_sigma**2 + ratio.mean(dim=0) - ratio.log().mean(dim=0) - 1).sum()


class Variational(Objective):
    """loss = (-log p(x | z) + weight * KL(q(z | x) || N(0, I))) / cells, z drawn from q.

    Weight 1 is the negative evidence lower bound itself, in nats per cell.
    """

    def regulariser(self, posterior: Posterior, n_cells: int) -> Tensor:
        """KL to the standard normal in nats per cell of the sample, mean over the batch."""
        return gaussian_kl(posterior.mean, posterior.log_variance).mean() / n_cells
