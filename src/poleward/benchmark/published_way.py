"""The published way of computing the published objective: masked (batch, n, n) coordinates."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from torch import Tensor

from poleward.objectives import published


def masked_cosines(points: Tensor, eps: float = 0.0) -> Tensor:
    """cos phi_k by a mask over all pairs of coordinates, O(n^2) in time and memory; the same values as `cosines`.

    >>> masked_cosines(torch.tensor([[3.0, 0.0, 4.0]]))
    tensor([[0.6000, 0.0000]])
    """
    n = points.shape[-1]
    mask = torch.triu(torch.ones(n, n, dtype=points.dtype, device=points.device))  # row k keeps j >= k
    tails = (points.square()[..., None, :] * mask).sum(dim=-1)
    return (points / torch.sqrt(tails + eps))[..., :-1]


@contextmanager
def masked_coordinates() -> Iterator[None]:
    """Within this context the published objective takes its cosines from `masked_cosines`."""
    with mock.patch.object(published, "cosines", masked_cosines):
        yield
