"""The base of every objective: reconstruction + weight * schedule(epoch) * regulariser."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from poleward.objectives.observation import Observation
from poleward.objectives.schedules import schedule_weight


@dataclass(frozen=True)
class Posterior:
    """The encoder's Gaussian q(z | x) = N(mean, diag(exp(log_variance))).

    mean, log_variance : (batch, n)
    """

    mean: Tensor
    log_variance: Tensor

    @property
    def sigma(self) -> Tensor:
        """Standard deviations, (batch, n)."""
        return torch.exp(0.5 * self.log_variance)


class Objective(nn.Module):
    """What a model is trained for.

    A subclass states ``stochastic`` (codes are drawn from the posterior while training), ``spherical`` (codes are
    projected onto the sphere of radius sqrt(n)) and its `regulariser`.

    Parameters
    ----------
    weight : at least 0; how much the regulariser counts beside the reconstruction. Both are dimension-free (per cell,
        per latent dimension, mean over the batch), so one weight serves any image size, latent size and batch.
    schedule : name of a schedule of that weight, see `schedules.schedule_weight`
    """

    stochastic = True
    spherical = False

    def __init__(self, weight: float = 1.0, schedule: str = "constant") -> None:
        super().__init__()
        self.weight = weight
        self.schedule = schedule

    def reconstruction(
        self, observation: Observation, prediction: Tensor, values: Tensor, observed: Tensor | None
    ) -> Float[Tensor, ""]:
        """Negative log-likelihood in nats per cell, mean over the batch."""
        return observation.negative_log_likelihood(prediction, values, observed).mean() / observation.n_cells

    def regulariser(self, posterior: Posterior, n_cells: int) -> Float[Tensor, ""]:
        """How far the latent points are from what the objective asks of them; ``n_cells`` as in `Observation`."""
        raise NotImplementedError

    def relative_weight(self, n_cells: int, n_latent: int) -> float:
        """The weight where error and code are both root mean squares, for scoring with the loss itself."""
        return self.weight

    def combine(self, reconstruction: Tensor, regulariser: Tensor, epoch: int, n_epochs: int) -> Float[Tensor, ""]:
        """The loss of one batch in epoch 0 .. n_epochs - 1."""
        return reconstruction + self.weight * schedule_weight(self.schedule, epoch, n_epochs) * regulariser


def batch_mean_and_std(values: Tensor, variance_floor: float = 1e-4) -> tuple[Tensor, Tensor]:
    """Mean and sqrt(unbiased variance + floor) over the batch (first) dimension; a single sample has variance 0.

    >>> batch_mean_and_std(torch.tensor([1.0, 3.0]), variance_floor=0.0)
    (tensor(2.), tensor(1.4142))
    """
    mean = values.mean(dim=0)
    squares = (values - mean).square().sum(dim=0)  # torch.var takes three times as long along the first dimension
    return mean, torch.sqrt(squares / max(1, len(values) - 1) + variance_floor)
