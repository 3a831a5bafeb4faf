"""The autoencoder: x -> posterior -> code -> prediction, and the loss of a batch."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from poleward.geometry.hypersphere import project
from poleward.networks.multilayer import MultilayerDecoder, MultilayerEncoder
from poleward.networks.residual import ResidualDecoder, ResidualEncoder
from poleward.objectives.objective import Objective, Posterior
from poleward.objectives.observation import Observation
from poleward.processes.team import mean_of_means, share, whole, whole_length
from poleward.records import Block

LOG_VARIANCE_LIMIT = 20.0
"""The encoder's log-variance is kept within plus and minus this."""


class Autoencoder(nn.Module):
    """Encoder, decoder, observation model and objective.

    Parameters
    ----------
    shape : of one prepared sample, (columns,) for rows or (bands, height, width) for images
    blocks, variances : see `Observation`
    n_latent : at least 2
    objective : what to train for
    sees_missing : give the encoder, beside the values, which of them were observed
    sigmoid : images only; the decoder ends in a sigmoid, as published
    seed : of the initial weights; the global generator is left alone
    """

    def __init__(
        self,
        shape: Sequence[int],
        blocks: Sequence[Block],
        variances: Sequence[float],
        n_latent: int,
        objective: Objective,
        sees_missing: bool = False,
        sigmoid: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.n_latent = n_latent
        self.sees_missing = sees_missing
        self.objective = objective
        self.observation = Observation(blocks, shape, variances)
        channels = shape[0] * (1 + sees_missing)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder: nn.Module
            self.decoder: nn.Module
            if len(shape) == 1:
                self.encoder = MultilayerEncoder(channels, n_latent)
                self.decoder = MultilayerDecoder(shape[0], n_latent)
            else:
                size = (shape[1], shape[2])
                self.encoder = ResidualEncoder(channels, size, n_latent)
                self.decoder = ResidualDecoder(shape[0], size, n_latent, sigmoid)

    def posterior(
        self, values: Float[Tensor, "batch *shape"], observed: Bool[Tensor, "batch *shape"] | None = None
    ) -> Posterior:
        """q(z | x) of each sample."""
        if self.sees_missing:
            seen = torch.ones_like(values) if observed is None else observed.to(values.dtype)
            values = torch.cat([values, seen], dim=1)
        mean, log_variance = self.encoder(values).chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT))

    def draw(self, posterior: Posterior, generator: torch.Generator | None) -> Float[Tensor, "batch n"]:
        """Codes z = mean + sigma * eps, or z = mean without a generator, in their `place`."""
        codes = posterior.mean
        if generator is not None and self.objective.stochastic:
            shape = (whole_length(codes), self.n_latent)
            noise = share(torch.randn(shape, generator=generator, dtype=codes.dtype))  # on the CPU: same on any device
            codes = codes + posterior.sigma * noise.to(codes.device)
        return self.place(codes)

    def place(self, codes: Float[Tensor, "batch n"]) -> Float[Tensor, "batch n"]:
        """Codes as the decoder takes them: a spherical objective's on the sphere of radius sqrt(n), equation (6)."""
        return project(codes, math.sqrt(self.n_latent)) if self.objective.spherical else codes

    def reconstruct(self, codes: Float[Tensor, "batch n"]) -> Float[Tensor, "batch *shape"]:
        """The expected sample of each code."""
        return self.observation.reconstruction(self.decoder(codes))

    def loss(
        self,
        values: Float[Tensor, "batch *shape"],
        observed: Bool[Tensor, "batch *shape"] | None,
        epoch: int,
        n_epochs: int,
        generator: torch.Generator,
        half_precision: bool = False,
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """Loss of a batch and what it was made of; the networks in bfloat16 if asked, the objective in float32.

        Among several processes, ``values`` are this one's share of the batch, and the loss is the whole batch's: what
        the objective asks of means and spreads over a batch it asks of all of it.
        """
        with torch.autocast(values.device.type, dtype=torch.bfloat16, enabled=half_precision):
            posterior = self.posterior(values, observed)
        posterior = Posterior(posterior.mean.float(), posterior.log_variance.float())
        codes = self.draw(posterior, generator)
        with torch.autocast(values.device.type, dtype=torch.bfloat16, enabled=half_precision):
            prediction = self.decoder(codes)
        reconstruction = self.objective.reconstruction(self.observation, prediction.float(), values, observed)
        reconstruction = mean_of_means(reconstruction, values)
        posterior = Posterior(whole(posterior.mean), whole(posterior.log_variance))
        regulariser = self.objective.regulariser(posterior, self.observation.n_cells)
        loss = self.objective.combine(reconstruction, regulariser, epoch, n_epochs)
        return loss, {
            "loss": loss.item(),
            "reconstruction": reconstruction.item(),
            "regulariser": regulariser.item(),
            "latent norm": posterior.mean.detach().norm(dim=1).mean().item(),
        }
