"""Residual convolutional networks for images of any size and band count; at 32x32 with 3 bands, the published network.

The published CIFAR-10 network (METHOD section 2, "Network"; 660,995 parameters at n = 128) is
``ResidualEncoder(3, (32, 32), 128)`` and ``ResidualDecoder(3, (32, 32), 128, sigmoid=True)``; other sizes halve until
at
most 4 pixels are left on the longer side, with the same widths.
"""

from itertools import pairwise
from math import ceil, prod

import torch
from torch import Tensor, nn

from poleward.networks.normalisation import BatchNorm1d, BatchNorm2d

STEM_WIDTH = 16
"""Channels after the first convolution; they double at each halving."""

LARGEST_WIDTH = 64

SMALLEST_SIDE = 4
"""Halving stops when the longer side has at most this many pixels."""

NEGATIVE_SLOPE = 0.2


def pyramid(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Image sizes from the input down to the coarsest, each half of the one before, rounded up.

    >>> pyramid((32, 20))
    [(32, 20), (16, 10), (8, 5), (4, 3)]
    """
    sizes = [size]
    while max(sizes[-1]) > SMALLEST_SIDE:
        sizes.append((ceil(sizes[-1][0] / 2), ceil(sizes[-1][1] / 2)))
    return sizes


def stage_widths(n_sizes: int) -> list[int]:
    """Channels at each size, and after the residual block at the coarsest.

    >>> stage_widths(4)
    [16, 32, 64, 64]
    """
    return [min(STEM_WIDTH * 2**level, LARGEST_WIDTH) for level in range(n_sizes)]


class Residual(nn.Module):
    """Two 3x3 convolutions with batch normalisation around a skip, 1x1 where the widths differ."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, 3, padding=1, bias=False)
        self.bn1 = BatchNorm2d(width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, padding=1, bias=False)
        self.bn2 = BatchNorm2d(width_out)
        self.skip = nn.Identity() if width_in == width_out else nn.Conv2d(width_in, width_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width_in, h, w) -> (batch, width_out, h, w)."""
        inner = nn.functional.leaky_relu(self.bn1(self.conv1(x)), NEGATIVE_SLOPE, inplace=True)
        return nn.functional.leaky_relu(self.bn2(self.conv2(inner)) + self.skip(x), NEGATIVE_SLOPE, inplace=True)


class ResidualEncoder(nn.Module):
    """(batch, bands, height, width) -> (batch, 2 n): mean and log-variance side by side."""

    def __init__(self, bands: int, size: tuple[int, int], n_latent: int) -> None:
        super().__init__()
        sizes = pyramid(size)
        widths = stage_widths(len(sizes))
        self.stem = nn.Conv2d(bands, STEM_WIDTH, 5, padding=2, bias=False)
        self.stem_norm = BatchNorm2d(STEM_WIDTH)
        self.blocks = nn.ModuleList(Residual(a, b) for a, b in pairwise([STEM_WIDTH, *widths[1:]]))
        self.halve = nn.AvgPool2d(2, ceil_mode=True)
        self.head = nn.Linear(widths[-1] * prod(sizes[-1]), 2 * n_latent)

    def forward(self, x: Tensor) -> Tensor:
        """One image at a time in evaluation mode; images see each other only through batch statistics in training."""
        x = nn.functional.leaky_relu(self.stem_norm(self.stem(x)), NEGATIVE_SLOPE, inplace=True)
        for block in self.blocks:
            x = block(self.halve(x))
        result: Tensor = self.head(x.flatten(1))
        return result


class ResidualDecoder(nn.Module):
    """(batch, n) -> (batch, bands, height, width); with ``sigmoid`` in (0, 1), as published."""

    def __init__(self, bands: int, size: tuple[int, int], n_latent: int, sigmoid: bool = False) -> None:
        super().__init__()
        self.sizes = pyramid(size)
        widths = stage_widths(len(self.sizes))
        self.coarsest = (widths[-1], *self.sizes[-1])
        self.expand = nn.Linear(n_latent, prod(self.coarsest))
        self.expand_norm = BatchNorm1d(prod(self.coarsest))
        self.first = Residual(widths[-1], widths[-1])
        down = [widths[-1], *widths[-3::-1], STEM_WIDTH][: len(widths)]  # as published: narrower right after a doubling
        self.blocks = nn.ModuleList(Residual(a, b) for a, b in pairwise(down))
        self.predict = nn.Conv2d(STEM_WIDTH, bands, 5, padding=2)
        self.sigmoid = sigmoid

    def forward(self, codes: Tensor) -> Tensor:
        """One code at a time in evaluation mode."""
        x = nn.functional.leaky_relu(self.expand_norm(self.expand(codes)), NEGATIVE_SLOPE, inplace=True)
        x = self.first(x.unflatten(1, self.coarsest))
        for block, size in zip(self.blocks, self.sizes[-2::-1], strict=True):
            x = block(nn.functional.interpolate(x, size=size, mode="nearest"))
        prediction: Tensor = self.predict(x)
        return torch.sigmoid(prediction) if self.sigmoid else prediction
