"""A residual network of nine weighted layers for small images, quick on a CPU: what labelled models see with.

Eight convolutions and the head's linear layer: narrow where the image is large, four times as wide from the second
halving on, with a residual pair after each later halving, and one mean per channel at the end. Pooling comes before
normalisation, on a quarter of the pixels. The mean makes the network indifferent to the image's size.
"""

from torch import Tensor, nn


class ConvolutionBlock(nn.Module):
    """3x3 convolution, maximum over 2x2 pixels if ``halve``, batch normalisation, rectifier."""

    def __init__(self, width_in: int, width_out: int, halve: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, 3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2) if halve else nn.Identity()
        self.norm = nn.BatchNorm2d(width_out)

    def forward(self, x: Tensor) -> Tensor:
        """(b, width_in, h, w) -> (b, width_out, h, w), or half of h and w."""
        return nn.functional.relu(self.norm(self.pool(self.conv(x))), inplace=True)


class ResidualPair(nn.Module):
    """x + block(block(x)), at one width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvolutionBlock(width, width)
        self.second = ConvolutionBlock(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(b, width, h, w) -> the same shape."""
        result: Tensor = x + self.second(self.first(x))
        return result


class ResNet9(nn.Module):
    """(b, bands, h, w) -> (b, 4 width) features, each at least 0.

    Parameters
    ----------
    bands : at least 1
    width : at least 1; channels of the stem

    Images of any size from 8x8 up. In evaluation mode each image by itself.

    >>> import torch
    >>> ResNet9(3, width=4).eval()(torch.zeros(2, 3, 8, 11)).shape
    torch.Size([2, 16])
    """

    def __init__(self, bands: int, width: int) -> None:
        super().__init__()
        self.n_features = 4 * width
        self.stem = ConvolutionBlock(bands, width)
        self.early = ConvolutionBlock(width, width, halve=True)
        self.widen = ConvolutionBlock(width, 4 * width, halve=True)
        self.middle = ResidualPair(4 * width)
        self.narrow = ConvolutionBlock(4 * width, 4 * width, halve=True)
        self.late = ResidualPair(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Features of images."""
        return self._end(self._middle(x))

    def with_earlier(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features, and those of an earlier layer: means (b, 4 width) of the residual pair after the second halving."""
        middle = self._middle(x)
        return self._end(middle), middle.mean(dim=(2, 3))

    def _middle(self, x: Tensor) -> Tensor:
        result: Tensor = self.middle(self.widen(self.early(self.stem(x))))
        return result

    def _end(self, middle: Tensor) -> Tensor:
        return self.late(self.narrow(middle)).mean(dim=(2, 3))
