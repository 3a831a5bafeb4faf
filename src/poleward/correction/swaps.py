"""Columns whose cells were put into each other's place in some rows."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

from poleward.correction.quantities import Quantities
from poleward.correction.words import Words

Column: TypeAlias = Words | Quantities

MOST_COLUMNS = 30
"""Columns among which all pairs are looked at; of more, those with the most strange cells."""

MOST_ROWS = 4000
FEWEST_ROWS, SHARE = 5, 0.004
"""A swap is believed in if it explains at least so many rows, and so large a share of them."""

EVIDENCE = 20.0
"""Nats by which a swap must explain the rows better."""

TURNS = 5


@dataclass(frozen=True)
class Swap:
    """Two columns, by place among those that were learned, and the share of the rows in which they are swapped."""

    first: int
    second: int
    share: float

    @property
    def pair(self) -> list[int]:
        """The two places."""
        return [self.first, self.second]

    def probability(self, columns: Sequence[Column], table: pa.Table) -> Float64[np.ndarray, " n"]:
        """P(swapped) of each row, by these two cells alone."""
        return posterior(log_odds(columns[self.first], columns[self.second], table), self.share)


def log_odds(one: Column, other: Column, table: pa.Table) -> Float64[np.ndarray, " n"]:
    """2 min(ln P_other(a) / P_one(a), ln P_one(b) / P_other(b)) for the cells a of one column and b of the other.

    Above, P is of right cells; below, of all, for a wrong cell need not have come from the other column. Both must
    fit better in the other's place, since one that does so by itself is more often wrong in another way.
    """
    a, b = table[one.name], table[other.name]
    of_a = np.log(other.likely(a)[0]) - np.log(one.likely(a)[1])
    of_b = np.log(one.likely(b)[0]) - np.log(other.likely(b)[1])
    return np.asarray(2 * np.minimum(of_a, of_b))


def posterior(odds: Float64[np.ndarray, " n"], share: float) -> Float64[np.ndarray, " n"]:
    """P(swapped) from the log-odds of the cells and the share of the rows.

    >>> posterior(np.array([0.0]), 0.25).tolist()
    [0.25]
    """
    return np.asarray(1 / (1 + (1 - share) / share * np.exp(-np.clip(odds, -500, 500))))


def found_swaps(columns: Sequence[Column], table: pa.Table) -> tuple[Swap, ...]:
    """The swaps that a table shows, no column in two of them."""
    some = table.slice(0, MOST_ROWS)
    gains: dict[Swap, float] = {}
    for i, j in itertools.combinations(worth_a_look(columns, some), 2):
        one, other = columns[i], columns[j]
        if alike(one, other, table):
            odds = log_odds(one, other, some)
            share = share_of(odds)
            if share >= fewest(len(odds)):
                gains[Swap(i, j, share)] = gain_of(odds, share)
    return kept_apart(gains)


def fewest(n_rows: int) -> float:
    """The smallest share of the rows to believe in."""
    return max(SHARE, FEWEST_ROWS / max(1, n_rows))


def gain_of(odds: Float64[np.ndarray, " n"], share: float) -> float:
    """Nats by which a swap in this share of the rows explains them better than none."""
    return float(np.logaddexp(np.log1p(-share), np.log(share) + odds).sum())


def kept_apart(gains: Mapping[Swap, float]) -> tuple[Swap, ...]:
    """The swaps that gain more than `EVIDENCE`, the largest gains first, no column in two of them."""
    kept: list[Swap] = []
    for swap in sorted(gains, key=lambda one: -gains[one]):
        if gains[swap] > EVIDENCE and not {*swap.pair} & {column for one in kept for column in one.pair}:
            kept.append(swap)
    return tuple(kept)


def share_of(odds: Float64[np.ndarray, " n"]) -> float:
    """The share of swapped rows that explains the log-odds best, by expectation and maximisation; 0 of no row."""
    share = 2 * SHARE
    for _ in range(TURNS if len(odds) else 0):
        share = float(posterior(odds, share).mean())
        if share < SHARE / 4:
            return 0.0
    return share if len(odds) else 0.0


def worth_a_look(columns: Sequence[Column], table: pa.Table) -> list[int]:
    """Columns to look at: all, or those with the most strange numbers."""
    if len(columns) <= MOST_COLUMNS:
        return list(range(len(columns)))
    strange = [
        float(column.read(table[column.name]).strange.sum()) if isinstance(column, Quantities) else 0.0
        for column in columns
    ]
    return sorted(np.argsort(strange, kind="stable")[::-1][:MOST_COLUMNS].tolist())


def alike(one: Column, other: Column, table: pa.Table) -> bool:
    """Tell whether a cell of one column may stand in the other."""
    kinds: list[Any] = [(c.kind, c.form.kind if isinstance(c, Quantities) else "") for c in (one, other)]
    return kinds[0] == kinds[1] and table.schema.field(one.name).type == table.schema.field(other.name).type
