"""The explicit observation model p(x | z): what the decoder's prediction means, cell by cell."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from poleward.processes.team import total
from poleward.records import Block

NOISE_FLOOR = 1e-3
"""Smallest noise variance, as a share of the block's variance in the training data: keeps densities finite."""

NOISE_MEMORY = 0.95
"""Share of the old noise variance kept at each training step."""


class Observation(nn.Module):
    r"""Gaussian for numbers and pixels, categorical for levels; unobserved cells do not count.

    -log p(x | z) = sum_numeric 1/2 [ (x - x_hat)^2 / v_b + ln(2 pi v_b) ] - sum_categorical ln softmax(x_hat)_level

    The noise variance v_b of block b (a column or a band) is the one that maximises the likelihood, in closed form: the
    mean squared error of the block, followed by a running mean while training (Rybkin et al. 2021, "sigma-VAE").
    That makes the likelihood free of the data's scale: no weight has to be tuned for it.

    Parameters
    ----------
    blocks : the runs of cells along the first axis of one sample
    shape : of one prepared sample, (columns,) or (bands, height, width)
    variances : one per numeric block, the variance of its cells in the training data
    """

    noise_variance: Tensor
    noise_floor: Tensor
    numeric: Tensor
    levels: Tensor
    column: Tensor

    def __init__(self, blocks: Sequence[Block], shape: Sequence[int], variances: Sequence[float]) -> None:
        super().__init__()
        categorical = [range(block.start, block.start + block.width) for block in blocks if block.kind == "categorical"]
        levels = [level for cells in categorical for level in cells]
        column = [number for number, cells in enumerate(categorical) for _ in cells]
        numeric = [block.start for block in blocks if block.kind == "numeric"]
        for name, numbers in {"levels": levels, "column": column, "numeric": numeric}.items():
            self.register_buffer(name, torch.tensor(numbers, dtype=torch.int64), persistent=False)
        start = torch.tensor([float(v) if v > 0 else 1.0 for v in variances]).reshape(-1, *[1] * (len(shape) - 1))
        self.register_buffer("noise_variance", start.clone())
        self.register_buffer("noise_floor", NOISE_FLOOR * start)
        self.all_numeric, self.n_categorical = len(numeric) == shape[0], len(categorical)
        self.n_cells = len(numeric) * math.prod(shape[1:]) + self.n_categorical

    def negative_log_likelihood(
        self,
        prediction: Float[Tensor, "batch *shape"],
        values: Float[Tensor, "batch *shape"],
        observed: Bool[Tensor, "batch *shape"] | None,
    ) -> Float[Tensor, "batch"]:
        """-ln p(x | z) in nats, summed over the observed cells of each sample."""
        error = (self._numbers(prediction) - self._numbers(values)).square()
        seen = torch.ones_like(error) if observed is None else self._numbers(observed).to(error.dtype)
        if self.training:
            self._follow_noise(error.detach(), seen)
        nats = 0.5 * (error / self.noise_variance + torch.log(2 * math.pi * self.noise_variance)) * seen
        total = nats.flatten(1).sum(1)
        if self.n_categorical:
            total = total - (values[:, self.levels] * self._log_probabilities(prediction)).sum(1)
        return total

    def reconstruction(self, prediction: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """The expected sample: the predicted number, the probability of each level."""
        if not self.n_categorical:
            return prediction
        return prediction.index_copy(1, self.levels, self._log_probabilities(prediction).exp())

    def _log_probabilities(self, prediction: Tensor) -> Tensor:
        """(batch, levels of all columns): log softmax over the levels of each, all columns at once."""
        logits, shape = prediction[:, self.levels], (len(prediction), self.n_categorical)
        column = self.column.expand(len(prediction), -1)
        most = logits.detach().new_zeros(shape).scatter_reduce(1, column, logits.detach(), "amax", include_self=False)
        shifted = logits - most[:, self.column]
        return shifted - shifted.new_zeros(shape).index_add(1, self.column, shifted.exp()).log()[:, self.column]

    def _numbers(self, cells: Tensor) -> Tensor:
        return cells if self.all_numeric else cells[:, self.numeric]

    def _follow_noise(self, error: Tensor, seen: Tensor) -> None:
        cells = [0, *range(2, error.ndim)]
        count = total(seen.sum(cells, keepdim=True)[0])
        batch = total((error * seen).sum(cells, keepdim=True)[0]) / count.clamp_min(1)
        moved = NOISE_MEMORY * self.noise_variance + (1 - NOISE_MEMORY) * batch
        self.noise_variance.copy_(torch.where(count > 0, moved, self.noise_variance).clamp_min(self.noise_floor))
