"""What takes part in a comparison: something that is trained once on a split and scores it in one or several ways."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.benchmark.splits import Split
from poleward.errors import SettingError

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Effort:
    """How long whatever trains a network trains; None for its own default."""

    epochs: int | None = None


@dataclass(frozen=True)
class Contender:
    """One training on a split, and the rows of scores that come of it.

    Parameters
    ----------
    name : under which ``--only`` asks for all of its rows
    rows : their names
    scores : (split, effort) -> row -> scores (m,) of the samples to rank, higher is more anomalous
    note : what a reader of the table should know
    kinds : of data that it can rank
    first_seed_only : on images it takes part with the first seed alone
    also : (split, effort) -> further figures, which are of all of its rows
    asked_only : it takes part only where it is named
    apart : rows that read the labels of what they rank; no other row is compared with them
    """

    name: str
    rows: tuple[str, ...]
    scores: Callable[[Split, Effort], Mapping[str, Scores]]
    note: str = ""
    kinds: frozenset[str] = frozenset({"table", "images"})
    first_seed_only: bool = False
    also: Callable[[Split, Effort], Mapping[str, float]] | None = None
    asked_only: bool = False
    apart: frozenset[str] = frozenset()

    def takes(self, split: Split, first_seed: int) -> bool:
        """Whether it takes part on this split."""
        spared = self.first_seed_only and split.kind == "images" and split.seed != first_seed
        return split.kind in self.kinds and not spared


def single(name: str, score: Callable[[Split, Effort], Scores], **about: Any) -> Contender:
    """A contender with one row, which has its name."""
    return Contender(name, (name,), lambda split, effort: {name: score(split, effort)}, **about)


def among(contenders: Iterable[Contender], words: Collection[str]) -> list[Contender]:
    """The contenders with the rows that the words name, by their own names or their contender's; the usual for none.

    >>> few = Contender("a", ("a+x", "a+y"), dict), Contender("b", ("b",), dict)
    >>> [one.rows for one in among(few, ["a+y", "galaxies"])]
    [('a+y',)]
    """
    all_of_them = list(contenders)
    asked = [
        replace(one, rows=one.rows if one.name in words else tuple(row for row in one.rows if row in words))
        for one in all_of_them
    ]
    return [one for one in asked if one.rows] or [one for one in all_of_them if not one.asked_only]


def require_known(words: Sequence[str], contenders: Iterable[Contender], data_words: Collection[str]) -> None:
    """SettingError for a word that names neither a row nor data."""
    row_words = {word for one in contenders for word in (one.name, *one.rows)}
    for word in words:
        if word not in row_words and word not in data_words:
            rows, data = ", ".join(sorted(row_words)), ", ".join(sorted(data_words))
            raise SettingError(f"--only is {word!r}; rows are {rows}; data are {data}")
