r"""An axis of the code space for every class, however many there are.

Up to n classes: axis s c of the coordinate basis, with spacing s = min(10, floor((n - 1) / (C - 1))), which is the
published roll wherever that one exists (10 (C - 1) < n). Beyond n classes: the next n classes take the n axes of
another orthonormal basis, drawn from a seed, and so on. Axes of one basis are orthogonal; those of two bases have
cosines of standard deviation 1/sqrt(n).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

SPACING = 10
"""The published distance between the axes of neighbouring classes."""

SEED = 20260118


class ClassAxes(nn.Module):
    """The axes of C classes in R^n, and coordinates in which a class's own axis is the first.

    Parameters
    ----------
    n_classes : at least 1
    n : at least 2, dimensions of the codes

    >>> ClassAxes(3, 4).directions()
    tensor([[1., 0., 0., 0.],
            [0., 1., 0., 0.],
            [0., 0., 1., 0.]])
    """

    bases: Tensor

    def __init__(self, n_classes: int, n: int) -> None:
        super().__init__()
        self.n_classes, self.n = n_classes, n
        self.spacing = min(SPACING, (n - 1) // max(1, n_classes - 1)) or 1
        self.register_buffer("bases", _orthonormal_bases(-(-n_classes // n), n), persistent=False)

    def directions(self) -> Float[Tensor, "classes n"]:
        """Unit vectors, one per class."""
        basis, shift = self._place(torch.arange(self.n_classes, device=self.bases.device))
        return self.bases[basis, shift]

    def own_coordinates(self, codes: Float[Tensor, "b n"], labels: Int[Tensor, "b"]) -> Float[Tensor, "b n"]:
        """Each code in the coordinates of its class: its basis, rolled so that its axis comes first."""
        basis, shift = self._place(labels)
        if len(self.bases) > 1:
            codes = torch.einsum("bkn,bn->bk", self.bases[basis], codes)
        order = (torch.arange(self.n, device=codes.device) + shift[:, None]) % self.n
        return codes.gather(1, order)

    def _place(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Basis and axis within it."""
        return labels // self.n, labels % self.n * self.spacing


def _orthonormal_bases(count: int, n: int) -> Float[Tensor, "count n n"]:
    """The coordinate basis and ``count - 1`` random ones, the rows of each being its axes."""
    generator = torch.Generator().manual_seed(SEED)
    others = torch.linalg.qr(torch.randn(count - 1, n, n, generator=generator, dtype=torch.float64))[0]
    return torch.cat([torch.eye(n, dtype=torch.float64)[None], others]).float()
