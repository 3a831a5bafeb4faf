"""Multilayer perceptrons for table rows."""

from torch import Tensor, nn

HIDDEN = (256, 256)
"""Default widths of the hidden layers of the encoder; the decoder mirrors them."""

NEGATIVE_SLOPE = 0.2


def multilayer(n_inputs: int, hidden: tuple[int, ...], n_outputs: int) -> nn.Sequential:
    """Linear layers with LeakyReLU (slope 0.2) between them, none after the last.

    >>> multilayer(3, (8,), 2)(__import__("torch").zeros(5, 3)).shape
    torch.Size([5, 2])
    """
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(n_inputs, width), nn.LeakyReLU(NEGATIVE_SLOPE)]
        n_inputs = width
    return nn.Sequential(*layers, nn.Linear(n_inputs, n_outputs))


class MultilayerEncoder(nn.Module):
    """(batch, columns) -> (batch, 2 n): mean and log-variance side by side."""

    def __init__(self, n_columns: int, n_latent: int, hidden: tuple[int, ...] = HIDDEN) -> None:
        super().__init__()
        self.layers = multilayer(n_columns, hidden, 2 * n_latent)

    def forward(self, values: Tensor) -> Tensor:
        """One row at a time; rows do not see each other."""
        result: Tensor = self.layers(values)
        return result


class MultilayerDecoder(nn.Module):
    """(batch, n) -> (batch, columns)."""

    def __init__(self, n_columns: int, n_latent: int, hidden: tuple[int, ...] = HIDDEN) -> None:
        super().__init__()
        self.layers = multilayer(n_latent, hidden[::-1], n_columns)

    def forward(self, codes: Tensor) -> Tensor:
        """One code at a time; codes do not see each other."""
        result: Tensor = self.layers(codes)
        return result


class MultilayerTrunk(nn.Module):
    """(batch, columns) -> (batch, width) features of two hidden layers, for a head of whatever kind.

    >>> MultilayerTrunk(3, 8)(__import__("torch").zeros(5, 3)).shape
    torch.Size([5, 8])
    """

    def __init__(self, n_columns: int, width: int) -> None:
        super().__init__()
        self.n_features = width
        self.layers = nn.Sequential(multilayer(n_columns, (width,), width), nn.LeakyReLU(NEGATIVE_SLOPE))

    def forward(self, values: Tensor) -> Tensor:
        """One row at a time; rows do not see each other."""
        result: Tensor = self.layers(values)
        return result
