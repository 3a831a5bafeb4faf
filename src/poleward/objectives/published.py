"""The published objectives, exactly: every constant of METHOD sections 2 and 4 has its name here and nowhere else.

Angles and radii of both mu and sigma; the constants are tied to 32x32 images and a batch of 200. The dimension-free
parametrisation that is the default stands in `compressed.py`; this one serves reproduction and the golden numbers.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from poleward.geometry.hypersphere import cosines, radius
from poleward.objectives.compressed import MEAN_SHARE, compression_target
from poleward.objectives.moments import excess
from poleward.objectives.norm import Norm, error_norm
from poleward.objectives.objective import Objective, Posterior, batch_mean_and_std
from poleward.objectives.observation import Observation
from poleward.objectives.schedules import schedule_weight

EPS = 1e-3
"""Added to every tail sum of squares before the root."""

VARIANCE_FLOOR = 1e-4
ANGULAR_SCALE = 50.0
RADIAL_SCALE = 50.0

WEIGHT_ANGULAR_MU = 1000.0
WEIGHT_RADIAL_MU = 300.0
WEIGHT_RADIAL_SIGMA = 500.0
WEIGHT_ANGULAR_SIGMA = {
    "mnist": 5e4,
    "fashion-mnist": 2.25e5,
    "cifar10": 5e5,
    "svhn": 5e5,
    "celeba": 5e5,
    "galaxies": 5e5,
}
"""G of equation (4), by data set."""

RHO = {"generation-first": 0.6, "generation": 1.0, "cifar10": 0.001}
"""rho of equation (3): A0's first and last version, and A for CIFAR-10."""

LOSS_SCALE = 0.001
BETA_TARGET = 2500.0
BETA_SOFTENING = 0.001

LEARNING_RATE = 2e-4
LEARNING_RATE_HALVED_AT = (280, 450)
BATCH_SIZE = 200
EPOCHS = 300

CLASS_SPACING = 10
"""The latent axes of neighbouring classes lie this far apart (with class labels)."""

CLASS_FIRST_ANGLE = (100.0, 150.0)
"""F up to epoch 100 and after."""

SCHEDULE_TURN = 100

NORM_SETTINGS = {
    "mnist": {"beta": 1000.0, "n_latent": 128, "batch_size": 1000, "learning_rate": 1e-4},
    "fashion-mnist": {"beta": 100.0, "n_latent": 256, "batch_size": 500, "learning_rate": 1e-4},
    "cifar10": {"beta": 10.0, "n_latent": 64, "batch_size": 50, "learning_rate": 1e-2},
    "arrhythmia": {"beta": 10.0, "n_latent": 16, "batch_size": 100, "learning_rate": 1e-3},
}
"""The norm-regularised autoencoder's settings (METHOD section 4); 2,000 iterations of Adam each."""


def angle_weights(n: int) -> Float[Tensor, "angles"]:
    """w_k = 50 sqrt(n) / sqrt(k), k = 1..n-1.

    >>> angle_weights(4)
    tensor([100.0000,  70.7107,  57.7350], dtype=torch.float64)
    """
    return ANGULAR_SCALE * math.sqrt(n) * torch.arange(1, n, dtype=torch.float64).rsqrt()


def ones_cosines(n: int, like: Tensor) -> Float[Tensor, "angles"]:
    """Cosines of the all-ones vector, 1/sqrt(n-k+1+eps): the code's b_mu and a_sigma."""
    return cosines(torch.ones(n, dtype=like.dtype, device=like.device), EPS)


def published_target(kind: str, n: int, like: Tensor) -> Float[Tensor, "angles"]:
    """a_mu,k of equation (5); "half" carries the code's eps."""
    return ones_cosines(n, like) if kind == "half" else compression_target(kind, n).to(like)


def angular_mu(mu: Float[Tensor, "batch n"], kind: str = "full") -> Float[Tensor, ""]:
    """L_phi(mu) = sum_k w_k [ f(1 + s_k - b_k) + 0.05 (m_k - a_k)^2 ], equation (2), exactly as in the code."""
    n = mu.shape[1]
    m, s = batch_mean_and_std(cosines(mu, EPS), VARIANCE_FLOOR)
    spread = excess(1 + s - ones_cosines(n, mu))
    pull = MEAN_SHARE * (m - published_target(kind, n, mu)).square()
    return (angle_weights(n).to(mu) * (spread + pull)).sum()


def angular_sigma(log_variance: Float[Tensor, "batch n"]) -> Float[Tensor, ""]:
    """L_phi(sigma), equation (2) with b = 0 and a_k = 1/sqrt(n-k+1): sigma towards the all-ones direction."""
    n = log_variance.shape[1]
    m, s = batch_mean_and_std(cosines(torch.exp(0.5 * log_variance), EPS), VARIANCE_FLOOR)
    pull = MEAN_SHARE * (m - ones_cosines(n, log_variance)).square()
    return (angle_weights(n).to(log_variance) * (excess(1 + s) + pull)).sum()


def radial_mu(mu: Float[Tensor, "batch n"]) -> Float[Tensor, ""]:
    """L_r(mu) = 50 f(1 + s_r) + 50 (m_r - sqrt(n - 1/2))^2, equation (3)."""
    m, s = batch_mean_and_std(radius(mu), VARIANCE_FLOOR)
    return RADIAL_SCALE * (excess(1 + s) + (m - math.sqrt(mu.shape[1] - 0.5)).square())


def radial_sigma(log_variance: Float[Tensor, "batch n"], rho: float) -> Float[Tensor, ""]:
    """L_r(sigma) = 50 f(s_r / sqrt(1/2)) + 50 (m_r - rho sqrt(n - 1/2))^2, equation (3)."""
    m, s = batch_mean_and_std(radius(torch.exp(0.5 * log_variance)), VARIANCE_FLOOR)
    target = rho * math.sqrt(log_variance.shape[1] - 0.5)
    return RADIAL_SCALE * (excess(s / math.sqrt(0.5)) + (m - target).square())


def angular_mu_conditional(
    mu: Float[Tensor, "batch n"], labels: Int[Tensor, "batch"], epoch: int, kind: str = "full"
) -> Float[Tensor, ""]:
    """L_phi(mu) summed over the classes of the batch, each rolled to its own axis (METHOD section 2, "With class
    labels").

    Class c is rolled by -10 c along the latent axis, which needs 10 (C - 1) < n.
    """
    n = mu.shape[1]
    order = (torch.arange(n, device=mu.device) + CLASS_SPACING * labels[:, None]) % n
    return angular_mu_by_class(mu.gather(1, order), labels, epoch, kind)


def angular_mu_by_class(
    own: Float[Tensor, "batch n"], labels: Int[Tensor, "batch"], epoch: int, kind: str = "full"
) -> Float[Tensor, ""]:
    """L_phi of points whose first coordinate is the one along their class's axis, summed over the classes of the batch.

    A class with fewer than two samples in the batch has no spread to speak of and is left out of the sum.
    """
    total = torch.zeros((), dtype=own.dtype, device=own.device)
    for label, count in zip(*torch.unique(labels, return_counts=True), strict=True):
        if count > 1:
            total = total + _angular_one_class(own[labels == label], epoch, kind)
    return total


def _angular_one_class(mu: Tensor, epoch: int, kind: str) -> Tensor:
    n = mu.shape[1]
    m, s = batch_mean_and_std(cosines(mu, EPS), VARIANCE_FLOOR)
    weights = angle_weights(n).to(mu)
    e = weights * (m - published_target(kind, n, mu)).square()
    late = epoch > SCHEDULE_TURN
    first = CLASS_FIRST_ANGLE[late]
    growth = math.sqrt(epoch - SCHEDULE_TURN - 1) + 1 if late else 1.0
    pull = MEAN_SHARE * (first * e[0] + growth * e[1:-1].sum())  # the last angle is left out
    return (weights * excess(1 + s - ones_cosines(n, mu))).sum() + pull


class PublishedCompressed(Objective):
    """loss = 0.001 (MSE + beta h(epoch) K), equation (4), with beta frozen after epoch 0.

    MSE is the squared error summed over the cells, mean over the batch, for values in [0, 1]. beta is 1 in epoch 0,
    then
    ``weight * 2500 * mean(MSE) / (mean(K) + 0.001)`` of that epoch. The published decoder has an optimizer of its own
    that sees
    only MSE on a detached code; K does not depend on the decoder, so one Adam over all parameters takes the same steps.

    Parameters
    ----------
    kind : "full", "half" or "vmf"
    rho, sigma_weight : rho of equation (3) and G of equation (4); the defaults are those of CIFAR-10
    """

    spherical = True
    totals: Tensor

    def __init__(
        self,
        kind: str = "full",
        weight: float = 1.0,
        schedule: str = "square-root",
        rho: float = RHO["cifar10"],
        sigma_weight: float = WEIGHT_ANGULAR_SIGMA["cifar10"],
    ) -> None:
        super().__init__(weight, schedule)
        self.kind = kind
        self.rho = rho
        self.sigma_weight = sigma_weight
        self.register_buffer("totals", torch.zeros(3, dtype=torch.float64))  # of epoch 0: sums of MSE and K, batches

    def reconstruction(
        self, observation: Observation, prediction: Tensor, values: Tensor, observed: Tensor | None
    ) -> Tensor:
        """Squared error summed over the observed cells, mean over the batch."""
        error = (observation.reconstruction(prediction) - values).square()
        return (error if observed is None else error * observed).flatten(1).sum(1).mean()

    def regulariser(self, posterior: Posterior, n_cells: int) -> Tensor:
        """K of equation (4)."""
        return self.total(posterior, angular_mu(posterior.mean, self.kind))

    def total(self, posterior: Posterior, angular: Tensor) -> Tensor:
        """K = 1000 L_phi(mu) + 300 L_r(mu) + G L_phi(sigma) + 500 L_r(sigma), with L_phi(mu) given."""
        return (
            WEIGHT_ANGULAR_MU * angular
            + WEIGHT_RADIAL_MU * radial_mu(posterior.mean)
            + self.sigma_weight * angular_sigma(posterior.log_variance)
            + WEIGHT_RADIAL_SIGMA * radial_sigma(posterior.log_variance, self.rho)
        )

    @property
    def beta(self) -> Tensor:
        """The weight of K after epoch 0; 1 before."""
        mse, k = self.totals[:2] / self.totals[2].clamp_min(1)
        return torch.where(mse > 0, self.weight * BETA_TARGET * mse / (k + BETA_SOFTENING), torch.ones_like(mse))

    def combine(self, reconstruction: Tensor, regulariser: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """0.001 (MSE + beta h(epoch) K)."""
        beta: float | Tensor = 1.0
        if epoch > 0:
            beta = self.beta.to(reconstruction)
        elif self.training:
            self.totals += torch.stack([reconstruction, regulariser, regulariser.new_ones(())]).detach()
        return LOSS_SCALE * (reconstruction + beta * schedule_weight(self.schedule, epoch, n_epochs) * regulariser)


class PublishedNorm(Norm):
    """loss = mean_i |x_hat_i - x_i| + beta mean_i |z_i|, norms not squared, exactly as published (METHOD section 4)."""

    def __init__(self, weight: float = NORM_SETTINGS["cifar10"]["beta"], schedule: str = "constant") -> None:
        super().__init__(weight, schedule)

    def reconstruction(
        self, observation: Observation, prediction: Tensor, values: Tensor, observed: Tensor | None
    ) -> Tensor:
        """Mean over the batch of the Euclidean norm of the error over all observed cells."""
        seen = torch.ones_like(values) if observed is None else observed.to(values.dtype)
        return error_norm(observation, prediction, values, seen).mean()

    def regulariser(self, posterior: Posterior, n_cells: int) -> Tensor:
        """Mean Euclidean norm of the codes."""
        return super().regulariser(posterior, n_cells) * math.sqrt(posterior.mean.shape[1])

    def relative_weight(self, n_cells: int, n_latent: int) -> float:
        """beta sqrt(n / d), see `Norm`."""
        return self.weight * math.sqrt(n_latent / n_cells)
