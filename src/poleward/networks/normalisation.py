"""Batch normalisation over the whole batch, also where several processes have a share of it each, on any device."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from poleward.processes.team import alone, total

if TYPE_CHECKING:
    Base = nn.modules.batchnorm._BatchNorm
else:
    Base = object


class _OverTheTeam(Base):
    """torch's own layer, whose statistics while training are those of the batch of all processes.

    Alone it is torch's layer itself. torch's SyncBatchNorm does the same on CUDA alone.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's word
        """(batch, channels, ...) -> the same, each channel with mean 0 and variance 1, then scaled and moved."""
        if alone() or not self.training:
            return super().forward(input)
        x = input.float()
        others = [0, *range(2, x.ndim)]
        count = total(x.new_tensor(x.numel() / x.shape[1]))
        mean = total(x.sum(others)) / count
        centred = x - _spread(mean, x)
        variance = total(centred.square().sum(others)) / count
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * _spread(scale, x) + _spread(self.bias, x)).to(input.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        momentum, counted = self.momentum, self.num_batches_tracked
        if momentum is None or counted is None or self.running_mean is None or self.running_var is None:
            raise NotImplementedError("over several processes, statistics are followed with a momentum")
        counted += 1
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)


class BatchNorm1d(_OverTheTeam, nn.BatchNorm1d):
    """Of (batch, channels)."""


class BatchNorm2d(_OverTheTeam, nn.BatchNorm2d):
    """Of (batch, channels, height, width)."""


def _spread(of_channels: Tensor, x: Tensor) -> Tensor:
    return of_channels.view(-1, *[1] * (x.ndim - 2))
