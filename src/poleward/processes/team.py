"""The processes that train together: each computes its share of every batch, and sums go over all of them.

Within ``working`` every function here speaks of the whole team; elsewhere each gives back what it was given, and one
process computes what it always did. All processes of a team have to call the same functions in the same order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Team:
    """Which process this is, from 0, and how many there are."""

    rank: int
    size: int


ALONE = Team(0, 1)
_team = ALONE


@contextmanager
def working(team: Team) -> Iterator[None]:
    """Work as one of a team whose processes have joined `torch.distributed`."""
    global _team
    before, _team = _team, team
    try:
        yield
    finally:
        _team = before


def size() -> int:
    """How many processes there are."""
    return _team.size


def alone() -> bool:
    """Whether this process has no others beside it."""
    return _team.size == 1


def leads() -> bool:
    """Whether this process is the one that writes."""
    return _team.rank == 0


def share(whole: Any) -> Any:
    """This process's part of something that all of them have, by its first axis; parts differ in length by at most one.

    >>> share([1, 2, 3])
    [1, 2, 3]
    """
    return whole if alone() else whole[_place(len(whole))]


def total(part: Tensor) -> Tensor:
    """Sum of a tensor over the processes, with its gradient.

    >>> total(torch.tensor([1.0]))
    tensor([1.])
    """
    summed: Tensor = part if alone() else _Sum.apply(part)  # type: ignore[no-untyped-call]
    return summed


def whole(part: Tensor) -> Tensor:
    """The batch (n, ...) of which every process has its `share`, exactly, with its gradient.

    >>> whole(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    if alone():
        return part
    n = whole_length(part)
    padded = part.new_zeros((n, *part.shape[1:]))
    padded[_place(n)] = part
    return total(padded)


def whole_length(part: Tensor) -> int:
    """The length of the batch of which every process has its `share`."""
    return len(part) if alone() else int(total(torch.tensor(len(part), device=part.device)))


def mean_of_means(mean: Tensor, n_here: Tensor) -> Tensor:
    """Mean over the batch, of the mean over this process's share of it.

    n_here : any tensor as long as the share
    """
    return mean if alone() else total(mean * (len(n_here) / whole_length(n_here)))


def any_asks(asked: bool) -> bool:
    """Whether any of the processes asks."""
    return asked if alone() else bool(total(torch.tensor(int(asked))))


def same_everywhere(number: int) -> bool:
    """Whether all processes say the same number, from 0 up to below 2^31."""
    powers = torch.tensor([number, number**2], dtype=torch.float64)
    mean, square = total(powers) / _team.size
    return bool(square == mean**2 == number**2)


def share_gradients(model: torch.nn.Module) -> None:
    """Give every process the mean of all gradients.

    Each process takes the gradient of the whole batch's loss, in which every sum over the team has added up the
    gradients of all of them; so the mean is the gradient that one process would have found.
    """
    if alone():
        return
    parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters])  # type: ignore[union-attr]
    distributed.all_reduce(flat)
    for parameter, gradient in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad.copy_(gradient.view_as(parameter) / _team.size)  # type: ignore[union-attr]


def _place(n: int) -> slice:
    each, more = divmod(n, _team.size)
    start = _team.rank * each + min(_team.rank, more)
    return slice(start, start + each + (_team.rank < more))


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        summed = part.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(summed)
        return summed
