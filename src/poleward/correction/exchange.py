"""Swapped columns that only the other cells of a row give away: exchange two cells, and ask the row."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from poleward.correction.beliefs import HARDLY, Beliefs, Exchange, Hearing
from poleward.correction.swaps import (
    FEWEST_ROWS,
    Column,
    Swap,
    alike,
    fewest,
    gain_of,
    kept_apart,
    share_of,
    worth_a_look,
)
from poleward.data.columns import named

SUSPECT = 0.3
"""Probability of being wrong that one of two cells must exceed, and the other `HARDLY`, for their exchange to be tried
in search of swapped columns."""

MOST = 0.5
"""Share of the rows beyond which it is the others that are swapped."""

FEW = 64
"""Rows asked at a time, where most pairs of columns have few to ask."""

UNASKED = -50.0
"""Log-odds of a swap in a row that was not asked."""


def exchange_of(swap: Swap, columns: Sequence[Column], cells: Mapping[str, Any]) -> Exchange:
    """Read the cells of two columns as each other's."""
    one, other = columns[swap.first], columns[swap.second]
    return Exchange(swap, (one.read(cells[other.name]), other.read(cells[one.name])))


def shown_by_rows(hearing: Hearing, columns: Sequence[Column], table: pa.Table) -> tuple[Swap, ...]:
    """The swaps that the rows of a table show, no column in two of them.

    The log-odds of a swap in a row are the gain in ln of its pseudo-likelihood when the two cells are exchanged.

    hearing : of these rows, without exchanges
    """
    beliefs = hearing.beliefs()
    few = replace(hearing, at_a_time=FEW)
    cells = named(table)
    gains: dict[Swap, float] = {}
    for i, j in itertools.combinations(worth_a_look(columns, table), 2):
        wrong = beliefs.wrong[:, [i, j]]
        suspects = np.flatnonzero((wrong.max(1) > SUSPECT) & (wrong.min(1) > HARDLY))
        if len(suspects) >= FEWEST_ROWS and alike(columns[i], columns[j], table):
            exchange = exchange_of(Swap(i, j, MOST), columns, cells)
            odds = odds_of(few, beliefs, exchange, suspects)
            share = share_of(odds)
            if share >= fewest(len(odds)):
                gains[Swap(i, j, share)] = gain_of(odds, share)

    def of_all_rows(swap: Swap) -> Swap:
        odds = odds_of(hearing, beliefs, exchange_of(swap, columns, cells), beliefs.doubtful(swap))
        return replace(swap, share=float(np.clip(share_of(odds), swap.share, MOST)))

    return tuple(of_all_rows(swap) for swap in kept_apart(gains))


def odds_of(
    hearing: Hearing, beliefs: Beliefs, exchange: Exchange, asked: Int64[np.ndarray, " m"]
) -> Float64[np.ndarray, " n"]:
    """Log-odds of a swap in every row, `UNASKED` in those that are not asked."""
    odds = np.full(len(beliefs.wrong), UNASKED)
    rows, _, gain = hearing.exchanged(beliefs, exchange, asked)
    odds[rows] = gain
    return odds
