"""How often each number occurs in a column by itself, wrong ones included."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

WINDOW = 10
"""Cells around a number, half of them on either side, that tell how dense numbers lie there."""

HEAVY = 0.04
"""A number that more than this share of the cells hold, and more than `WINDOW` of them, is a value of its own."""

UNSEEN = 0.1
"""Cells for which a number counts that no other cell holds."""

SHARES = np.linspace(0.0, 0.99, 34)
"""Tried shares of the cells that repeat a number of another cell."""

TAIL = 0.05
"""Share of the cells at an end whose law is continued from the cells within."""

FEWEST_IN_TAIL, LEAST_GAP = 3, 0.1
ONE_OF = 0.5
"""Cells that any column is allowed."""

AS_WELL = 1.5
"""Nats by which a share may explain the tails worse than the best one."""

SHORTEST, HEAVIEST = -0.5, 1.0
"""Bounds of a tail's shape; at 1 a number has no mean."""

OUTERMOST = 3.0
"""So many cells at an end must agree for numbers there to be usual, however far they lie."""

DECIMALS = range(-6, 13)
ON_GRID = 0.9
"""A column is written in steps of 10^-k if this share of its cells are multiples of that."""

FINEST = 1e-9
"""Of the range of a column that is written in no such steps: the step that stands for one."""

NEXT_TO_NOTHING, FARTHEST_EXPONENT = 1e-6, 500.0

SMALLEST_STEP = 1e-150
"""So that the largest number that is read is no infinite count of steps."""

OFF = 0.02
"""Steps by which a number may miss a multiple of the step."""

Numbers = Float64[np.ndarray, " _"]


@dataclass(frozen=True)
class Density:
    r"""P(x) of a column's numbers, as of a cell that was not counted itself.

    A number that more than `HEAVY` of the cells hold has the share of the others that do; so has one off the grid of
    steps in which nearly all are written. For all others

    P(x) = lambda count(x) / n + (1 - lambda rho(x)) w step k / (n width)

    since some cells repeat a number of another cell, and others lie as dense as the k cells around them, of which a
    share rho repeat each other, so that numbers are not rarer for being new where all are. lambda is the one that
    explains the column's own cells best; w, their share, makes a new number rare where few values rule.
    Beyond the outermost cells P is at most what the column's `Tail` says.

    values : distinct numbers, rising
    counts : of their cells
    step : of the numbers as they are written
    repeated : lambda

    >>> density = Density.of(np.repeat([1.0, 2.0, 3.0, 50.0], [30, 40, 30, 1]))
    >>> bool(density.mass(np.array([2.0]))[0] > 100 * density.mass(np.array([50.0]))[0]), density.step
    (True, 1.0)
    """

    values: Float64[np.ndarray, " u"]
    counts: Float64[np.ndarray, " u"]
    step: float
    repeated: float

    @classmethod
    def of(cls, x: Numbers, step: float | None = None) -> "Density":
        """Count the numbers of at least one cell, written in steps of their own or in the given ones."""
        values, counts = np.unique(x, return_counts=True)
        bare = cls(values, counts.astype(np.float64), step or step_of(x), 0.0)
        light = ~bare.heavy & bare.on_grid(values)
        n, exact, (smooth, known) = counts[light], bare._exact(values[light]), bare._smooth(values[light])
        fits = [(n * np.log(share * exact + (1 - share * known) * smooth)).sum() for share in SHARES]
        return cls(values, bare.counts, bare.step, float(SHARES[int(np.argmax(fits))]))

    @property
    def span(self) -> float:
        """From the smallest to the largest number; one step at least."""
        return max(float(self.values[-1] - self.values[0]), self.step)

    @property
    def continuous(self) -> bool:
        """Whether numbers are written in no steps that say anything."""
        return self.step <= FINEST * self.span

    @property
    def heavy(self) -> Bool[np.ndarray, " u"]:
        """Which values very many cells hold."""
        return np.asarray(self.counts > max(WINDOW, HEAVY * self.counts.sum()))

    @property
    def tails(self) -> list["Tail"]:
        """Of both ends, where there are cells enough."""
        return [tail for sign in (1, -1) if (tail := Tail.of(self.values, self.counts, self.step, sign)) is not None]

    def mass(self, x: Numbers) -> Numbers:
        """P(x), above 0."""
        at, seen = self.place(x)
        heavy = seen & self.heavy[np.minimum(at, len(self.values) - 1)]
        exact, (smooth, known) = self._exact(x), self._smooth(x)
        either = self.repeated * exact + (1 - self.repeated * known) * np.minimum(smooth, self._outermost(x))
        return np.where(heavy | ~self.on_grid(x), np.maximum(exact, UNSEEN / self.counts.sum()), either)

    def astray(self, most: float) -> float:
        """Share of the cells, at most so large, that hold any number of the range: those that the tails do not explain.

        The smallest share that explains how the cells beyond the start of each tail lie as well as the best one.
        """
        v, n, anywhere = self.values, self.counts, self.anywhere()
        shares = np.geomspace(min(most, ONE_OF / n.sum()), most, 40)
        explained, inside = np.zeros(len(shares)), np.ones(len(v), bool)
        for tail in self.tails:
            far = tail.sign * (v - tail.start) > 0
            usual = np.maximum(self.step * tail.density(v[far]), np.finfo(float).tiny)
            explained += np.log((1 - shares[:, None]) * usual + shares[:, None] * anywhere) @ n[far]
            inside &= ~far
        if inside.any():
            width, share = min(1.0, (np.ptp(v[inside]) + self.step) / self.span), n[inside].sum() / n.sum()
            explained += n[inside].sum() * np.log((1 - shares) * share + shares * width)
        return float(shares[explained >= explained.max() - AS_WELL][0])

    def anywhere(self) -> float:
        """P of a number that may be any over the column's range."""
        return min(1.0, self.step / self.span)

    def on_grid(self, x: Any) -> Any:
        """Tell which numbers are multiples of the step."""
        return (np.abs(x / self.step - np.rint(x / self.step)) <= OFF) | self.continuous

    def rounded(self, x: Any) -> Any:
        """To multiples of the step."""
        return x if self.continuous else np.rint(x / self.step) * self.step

    def place(self, x: Numbers) -> tuple[Int64[np.ndarray, " _"], Bool[np.ndarray, " _"]]:
        """The first value that is not below each number, and whether it is the number itself."""
        return placed(self.values, x)

    def to_arrays(self) -> dict[str, Any]:
        """What was learned."""
        return {"values": self.values, "counts": self.counts, "grid": np.array([self.step, self.repeated])}

    @classmethod
    def restore(cls, arrays: Mapping[str, Any]) -> "Density":
        """Rebuild the density that wrote the arrays."""
        step, repeated = arrays["grid"].tolist()
        return cls(arrays["values"], arrays["counts"], step, repeated)

    def _exact(self, x: Numbers) -> Numbers:
        """Share of the other cells that hold the very same number."""
        at, seen = self.place(x)
        others = self.counts[np.minimum(at, len(self.values) - 1)] - 1
        return np.where(seen, others, 0.0) / self.counts.sum()

    def _smooth(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """How dense the cells around a number lie, those of heavy values apart, and the share that repeat another."""
        light = ~self.heavy
        if not light.any():
            return np.full(len(x), UNSEEN / self.counts.sum()), np.zeros(len(x))
        values, counts = self.values[light], self.counts[light]
        share = counts.sum() / self.counts.sum() ** 2
        dense, known = nearby(values, counts, self.step, x)
        return np.minimum(1.0, share * self.step * dense), known

    def _outermost(self, x: Numbers) -> Numbers:
        """Most that the tails allow beyond the outermost cells, else 1; none ends before infinity."""
        most = np.ones(len(x))
        for tail in (replace(tail, shape=max(tail.shape, 0.0)) for tail in self.tails):
            far = tail.sign * (x - ranked(self.values, self.counts, OUTERMOST, tail.sign)) > 0
            most[far] = np.maximum(self.step * tail.density(x[far]), np.finfo(float).tiny)
        return most


@dataclass(frozen=True)
class Tail:
    r"""How a column thins out at an end: a generalised Pareto law through its outermost cells but the very last.

    With the cells of which shares q, 2q and 4q lie beyond at x_1, x_2 and x_4 (Pickands 1975), and d their distances,

    P(beyond x) = q (1 + xi (x - x_1) / s)^(-1/xi),    xi = log_2 (d_12 / d_24),    s = xi d_12 / (1 - 2^-xi)

    xi is enlarged by its own uncertainty, 1 / sqrt(q n), so that few cells say little.

    sign : 1 for the upper end, -1 for the lower one
    start : x_1
    shape, scale : xi, s
    """

    sign: int
    start: float
    shape: float
    scale: float

    @classmethod
    def of(cls, values: Numbers, counts: Any, step: float, sign: int) -> "Tail | None":
        """Learn one end of rising values; None of too few cells."""
        n = counts.sum()
        if n * TAIL < FEWEST_IN_TAIL:
            return None
        one, two, four = (sign * ranked(values, counts, times * TAIL * n, sign, step) for times in (1, 2, 4))
        outer, inner = (max(gap, LEAST_GAP * step) for gap in (one - two, two - four))
        shape = float(np.clip(np.log2(outer / inner) + 1 / np.sqrt(n * TAIL), SHORTEST, HEAVIEST))
        return cls(sign, sign * one, shape, float(outer / decay(shape)))

    def survival(self, x: Any) -> Any:
        """P(beyond x), for x beyond the start; above 0."""
        return TAIL * np.exp(-np.minimum(self._thinned(x), FARTHEST_EXPONENT))

    def density(self, x: Any) -> Any:
        """P of a number in a unit around x, beyond the start; above 0."""
        exponent = (1 + self.shape) * self._thinned(x)
        return TAIL / self.scale * np.exp(-np.minimum(exponent, FARTHEST_EXPONENT))

    def _thinned(self, x: Any) -> Any:
        """ln(1 + xi t) / xi with t = |x - x_1| / s, beyond all bounds behind the end that a short tail has."""
        away = np.maximum(self.sign * (x - self.start), 0.0) / self.scale
        if abs(self.shape) < NEXT_TO_NOTHING:
            return away
        return np.log(np.maximum(1 + self.shape * away, np.finfo(float).tiny)) / self.shape


def decay(shape: float) -> float:
    """(1 - 2^-xi) / xi, ln 2 at 0."""
    return float(np.log(2)) if abs(shape) < NEXT_TO_NOTHING else float((1 - 2.0**-shape) / shape)


def ranked(values: Numbers, counts: Any, rank: float, sign: int, step: float = 0.0) -> float:
    """Where so many cells lie beyond, at an end: the value of the next cell, or a place within the step around it.

    >>> ranked(np.arange(9.0), np.ones(9), 2.0, 1), ranked(np.arange(9.0), np.full(9, 2.0), 1.0, -1, step=1.0)
    (6.0, 0.0)
    """
    total, at_each = np.cumsum(counts[::-sign]), counts[::-sign]
    at = min(int(np.searchsorted(total, rank, side="right")), len(total) - 1)
    within = 0.5 - (rank - (total[at] - at_each[at])) / at_each[at]
    return float(values[::-sign][at] + sign * step * within)


def nearby(values: Numbers, counts: Numbers, step: float, x: Numbers) -> tuple[Numbers, Numbers]:
    """Cells in a unit around each number, by the `WINDOW` nearest ones, and the share of these that repeat another.

    The number's own cell is not counted.

    >>> [array.tolist() for array in nearby(np.array([1.0, 3.0]), np.array([3.0, 1.0]), 1.0, np.array([2.0]))]
    [[1.3333333333333333], [0.5]]
    """
    total, last = np.concatenate([[0.0], np.cumsum(counts)]), len(values) - 1
    at, seen = placed(values, x)
    low = np.minimum(np.searchsorted(total, np.maximum(total[at] - WINDOW // 2, 0), side="right") - 1, last)
    high = np.clip(np.searchsorted(total, np.minimum(total[at + seen] + WINDOW // 2, total[-1])) - 1, low, last)
    between = (values[1:] + values[:-1]) / 2
    ends = np.concatenate([values[:1] - step / 2, between, values[-1:] + step / 2])
    width = np.maximum(np.maximum(ends[high + 1], x) - np.minimum(ends[low], x), step)
    cells = total[high + 1] - total[low] - seen
    distinct = high + 1 - low - (seen & (counts[np.minimum(at, last)] == 1))
    return np.maximum(cells, 0.5) / width, 1 - distinct / np.maximum(cells, 1)


def placed(values: Numbers, x: Numbers) -> tuple[Int64[np.ndarray, " _"], Bool[np.ndarray, " _"]]:
    """The place of the first of rising values that is not below each number, and whether it is the number itself.

    >>> [part.tolist() for part in placed(np.array([1.0, 3.0]), np.array([3.0, 4.0]))]
    [[1, 2], [True, False]]
    """
    at = np.searchsorted(values, x)
    return at, (at < len(values)) & (values[np.minimum(at, len(values) - 1)] == x)


def step_of(x: Numbers) -> float:
    """The largest power of ten of which nearly all numbers are multiples, zeros apart.

    >>> step_of(np.array([12.5, 13.0, 0.5])), step_of(np.array([300.0, 1200.0]))
    (0.1, 100.0)
    """
    if not x.any():
        return 1.0
    x = x[x != 0]
    span = max(float(np.ptp(x)), float(np.abs(x).max()), np.finfo(float).tiny)
    for decimals in DECIMALS:
        scaled = x * 10.0**decimals
        tolerance = np.maximum(1e-6, 1e-12 * np.abs(scaled))
        if 10.0**-decimals <= span and (np.abs(scaled - np.rint(scaled)) <= tolerance).mean() >= ON_GRID:
            return float(10.0**-decimals)
    return max(FINEST * span, SMALLEST_STEP)
