"""What is believed of the cells of a table, and which of them are hidden from the others for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from poleward.correction.conditional import CHUNK, Conditional, Shown
from poleward.correction.knowledge import Given
from poleward.correction.quantities import ReadQuantities
from poleward.correction.swaps import Swap, posterior
from poleward.correction.verdict import Verdict
from poleward.correction.words import ReadWords

ROUNDS = 6
"""Most cells of a row that are hidden, or shown again, one after another."""

SUSPECTED = 0.5
"""Probability of being wrong above which it is tried to hide a cell from the others, and below which to show it."""

HARDLY = 0.02
"""Probability of being wrong below which a cell need not be exchanged with another."""

IMPOSSIBLE = 1e-9
"""Smallest probability that a cell is what it is taken for."""

Read: TypeAlias = ReadWords | ReadQuantities


@dataclass(frozen=True)
class Beliefs:
    """Verdicts on the cells of a table's judged columns, each (n, d), some cells being hidden from the others."""

    hidden: Bool[np.ndarray, "n d"]
    wrong: Float64[np.ndarray, "n d"]
    choice: Int64[np.ndarray, "n d"]
    support: Float64[np.ndarray, "n d"]
    number: Float64[np.ndarray, "n d"]
    evidence: Float64[np.ndarray, "n d"]
    partner: Int64[np.ndarray, "n d"]

    @classmethod
    def blank(cls, hidden: Bool[np.ndarray, "n d"]) -> "Beliefs":
        """Nothing is believed yet."""
        wrong, support, number, evidence = np.zeros((4, *hidden.shape))
        choice, partner = np.zeros((2, *hidden.shape), np.int64)
        return cls(hidden.copy(), wrong, choice, support, number + np.nan, evidence, partner - 1)

    @property
    def likelihood(self) -> Float64[np.ndarray, " n"]:
        """ln of the pseudo-likelihood of each row (Besag 1975) if its hidden cells are wrong and all others right.

        The sum over cells of ln P(cell, and right or wrong as it is taken | the cells that are shown).
        """
        as_taken = np.where(self.hidden, self.wrong, 1 - self.wrong)
        return np.asarray((self.evidence + np.log(np.maximum(as_taken, IMPOSSIBLE))).sum(1))

    def improve(self, rows: Int64[np.ndarray, " m"], found: "Beliefs") -> Int64[np.ndarray, " k"]:
        """Take over what was found of some rows where it makes them more likely; returns these rows."""
        better = found.likelihood > self.likelihood[rows]
        for name, array in vars(found).items():
            getattr(self, name)[rows[better]] = array[better]
        return rows[better]

    def put(self, rows: Int64[np.ndarray, " m"], column: int, verdict: Verdict) -> None:
        """Take over what was said of some rows of a column."""
        for name, array in vars(verdict).items():
            getattr(self, name)[rows, column] = array

    def doubtful(self, swap: Swap) -> Int64[np.ndarray, " m"]:
        """Rows in which one of two columns' cells is wrong with more than next to no probability."""
        return np.flatnonzero((self.wrong[:, swap.pair] > HARDLY).any(1))

    def exchange(
        self, rows: Int64[np.ndarray, " m"], swap: Swap, p: Float64[np.ndarray, " m"], found: "Beliefs"
    ) -> None:
        """Take over that two cells of some rows were swapped with probability p.

        found : what is believed of these rows with the two cells exchanged
        """
        certain = p > SUSPECTED
        at, cells = rows[certain], np.ix_(rows, np.array(swap.pair))
        wrong = np.maximum(self.wrong[cells], p[:, None])
        for name, array in vars(found).items():
            getattr(self, name)[at] = array[certain]
        self.wrong[cells] = wrong
        for column, partner in (swap.pair, swap.pair[::-1]):
            self.hidden[at, column] = True
            self.support[at, column] = p[certain]
            self.partner[at, column] = partner


@dataclass(frozen=True)
class Exchange:
    """Two columns that are swapped in some rows, and what each makes of the other's cells.

    read : the first column's reading of the second one's cells, and the second's of the first's
    """

    swap: Swap
    read: tuple[Read, Read]


@dataclass(frozen=True)
class Hearing:
    """Rows of a table, with all that is to be weighed about them.

    conditional : p(cell | the other cells of its row)
    read : the columns
    given : what the user knows
    exchanges : columns that are swapped in some rows
    at_a_time : rows computed at a time
    """

    conditional: Conditional
    read: Sequence[Read]
    given: Given
    exchanges: Sequence[Exchange] = ()
    at_a_time: int = CHUNK

    def beliefs(self) -> Beliefs:
        """Hide the cells without which each row is likeliest, then exchange those by which it becomes likelier yet."""
        beliefs = self._with_hidden()
        for exchange in self.exchanges:
            rows, found, odds = self.exchanged(beliefs, exchange, beliefs.doubtful(exchange.swap))
            beliefs.exchange(rows, exchange.swap, posterior(odds, exchange.swap.share), found)
        return beliefs

    def exchanged(
        self, beliefs: Beliefs, exchange: Exchange, rows: Int64[np.ndarray, " m"]
    ) -> tuple[Int64[np.ndarray, " k"], Beliefs, Float64[np.ndarray, " k"]]:
        """Exchange two cells in those of the rows that hold both, and trust neither.

        Returns these rows, what is then believed of them, and by how much ln of their pseudo-likelihood grows, the
        exchanged cells being right.
        """
        first, second = pair = exchange.swap.pair
        free = ~self.given.trusted[:, pair].any(1)
        rows = rows[(free & self.read[first].held & self.read[second].held)[rows]]
        read = list(self.read)
        read[first], read[second] = exchange.read
        hidden = beliefs.hidden[rows]
        hidden[:, pair] = False
        other = replace(self, read=read, given=self.given.without(pair), exchanges=())
        found = other.judged(rows, hidden)
        return rows, found, found.likelihood - beliefs.likelihood[rows]

    def _with_hidden(self) -> Beliefs:
        """What is believed when those cells are hidden without which each row is most likely.

        Those that are strange by themselves are hidden together, if that helps; then the most suspected one, as long as
        that does.
        """
        rows = np.arange(len(self.given.wrong))
        beliefs = self.judged(rows, self.given.wrong)
        if not self.conditional.networks:
            return beliefs
        strange = self._strange & ~self.given.trusted
        some = np.flatnonzero(strange.any(1))
        beliefs.improve(some, self.judged(some, (strange | self.given.wrong)[some]))
        for _ in range(ROUNDS):
            some, hidden = other_guess(beliefs.wrong[rows], beliefs.hidden[rows], self.given.wrong[rows])
            rows = beliefs.improve(rows[some], self.judged(rows[some], hidden))
        return beliefs

    def judged(self, rows: Int64[np.ndarray, " m"], hidden: Bool[np.ndarray, "m d"]) -> Beliefs:
        """What is believed of some rows when these cells are hidden from the others."""
        beliefs = Beliefs.blank(hidden)
        for start in range(0, len(rows), self.at_a_time):
            at = np.arange(start, min(start + self.at_a_time, len(rows)))
            some = rows[at]
            cells = self._shown[some].without(hidden[at])
            for column, p in enumerate(self.conditional.probabilities(cells, self.at_a_time)):
                beliefs.put(at, column, self.read[column].judge(p, some))
            beliefs.wrong[at] = self.given.weighed(beliefs.wrong[at], some)
        return beliefs

    @cached_property
    def _shown(self) -> Shown:
        return shown(self.read, len(self.given.wrong))

    @property
    def _strange(self) -> Bool[np.ndarray, "n d"]:
        return stacked([cells.strange for cells in self.read], len(self.given.wrong), np.float64) > SUSPECTED


def other_guess(
    wrong: Float64[np.ndarray, "m d"], hidden: Bool[np.ndarray, "m d"], known_wrong: Bool[np.ndarray, "m d"]
) -> tuple[Int64[np.ndarray, " k"], Bool[np.ndarray, "k d"]]:
    """Rows with a cell that should be hidden, or shown again, and their hidden cells when the one most so is.

    >>> none = np.zeros((2, 3), bool)
    >>> [part.tolist() for part in other_guess(np.array([[0.8, 0.9, 0.1], [0.2, 0.4, 0.3]]), none, none)]
    [[0], [[False, True, False]]]
    """
    doubt = np.where(known_wrong, 0.0, np.where(hidden, 1 - wrong, wrong))
    rows = np.flatnonzero(doubt.max(1) > SUSPECTED)
    tried = hidden[rows]
    tried[np.arange(len(rows)), doubt[rows].argmax(1)] ^= True
    return rows, tried


def shown(read: Sequence[Read], n: int) -> Shown:
    """The cells of n rows as the network takes them."""
    return Shown(stacked([cells.shown for cells in read], n), stacked([cells.value for cells in read], n, np.float64))


def stacked(columns: Sequence[NDArray[Any]], n: int, dtype: type = np.int64) -> NDArray[Any]:
    """(n, d) from d columns, of which there may be none."""
    return np.stack(columns, 1) if columns else np.zeros((n, 0), dtype)
