"""Finding and repairing wrong cells of tables, beside what one could have used instead; no label is used to fit.

Tables: pairs of ``dirty.csv`` and ``clean.csv``, and the clean ones with random and with systematic errors put in.
Other clean tables, on which nothing was chosen, get the same errors, and are reported apart.

Cells whose error is only one of format are neither positive nor negative, and are counted apart.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poleward.benchmark.corruption import (
    NUMBER,
    Pair,
    Texts,
    clean_pair,
    read_pair,
    with_random_errors,
    with_systematic_errors,
)
from poleward.benchmark.measuring import Interval
from poleward.benchmark.record import Figure
from poleward.benchmark.rivals import RIVALS
from poleward.correction.table import TableCorrector
from poleward.errors import SourceError
from poleward.metrics.ranking import auroc, average_precision

MOST_ROWS = 2000
QUICK_ROWS = 500
OURS = "Poleward"

CONFIRM: Mapping[str, tuple[str, ...]] = {
    "nsl_kdd/train.csv.gz": ("label", "difficulty"),
    "adbench/Classical/6_cardio.npz": (),
    "adbench/Classical/28_pendigits.npz": (),
    "adbench/Classical/38_thyroid.npz": (),
}
"""Clean tables that nothing was chosen on, and their columns that are left out."""

MAKE: tuple[Callable[[Pair, int], Pair], ...] = (lambda pair, seed: pair, with_random_errors, with_systematic_errors)


@dataclass(frozen=True)
class Repair:
    """What became of a table.

    precision : share of the changed cells that now are exactly right, format errors apart
    recall : share of the value errors that now are exactly right
    categories : precision outside the columns of numbers
    damage : share of the right cells that were changed
    error : mean distance of wrong numbers from the right ones after repair, over that before; in columns of numbers
    median : the same with the column's median in every number that was changed
    formats : share of the format errors that now are exactly right
    """

    precision: float
    recall: float
    categories: float
    damage: float
    error: float
    median: float
    formats: float


def figures(folder: Path, seeds: Sequence[int], say: Callable[[str], None], quick: bool = False) -> Iterator[Figure]:
    """Figures of every table in a folder of table pairs; the quick form takes 500 rows and one seed."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not folders:
        raise SourceError(f"{folder}: holds no folder with dirty.csv and clean.csv; name one with --data")
    for path in folders:
        for make in MAKE:
            pairs = [
                make(read_pair(path, QUICK_ROWS if quick else MOST_ROWS, s), s) for s in seeds[: 1 if quick else None]
            ]
            yield from table_figures(pairs, seeds, say)


def confirmed(folder: Path, seeds: Sequence[int], say: Callable[[str], None]) -> Iterator[Figure]:
    """Figures of the tables that nothing was chosen on, with random and with systematic errors."""
    for name, left_out in CONFIRM.items():
        path = folder / name
        if not path.is_file():
            raise SourceError(f"{path}: there is no such file; name the folder of data sets with --data")
        for make in MAKE[1:]:
            yield from table_figures([make(clean_pair(path, left_out, MOST_ROWS, s), s) for s in seeds], seeds, say)


def table_figures(pairs: Sequence[Pair], seeds: Sequence[int], say: Callable[[str], None]) -> Iterator[Figure]:
    """Figures of one table: the same errors, or other draws of them, once for each seed."""
    name = pairs[0].name
    found: dict[str, list[tuple[float, float]]] = {contender: [] for contender in (OURS, *RIVALS)}
    repairs: list[Repair] = []
    for pair, seed in zip(pairs, seeds, strict=False):
        mask, probability, repaired = TableCorrector.fit(pair.table, seed).correct(pair.table)
        found[OURS].append(ranking(pair, probability))
        repairs.append(judged(pair, mask, np.array([c.to_pylist() for c in repaired.columns], object).T))
        for rival, score in RIVALS.items():
            found[rival].append(ranking(pair, score(pair.table, seed)))
        say(f"{name}, seed {seed}: " + ", ".join(f"{who} {values[-1][0]:.3f}" for who, values in found.items()))
    yield from ranking_figures(name, found)
    yield from repair_figures(name, repairs)


def ranking(pair: Pair, score: NDArray[np.float64]) -> tuple[float, float]:
    """Average precision and AUROC of finding value errors among all cells that are no format errors."""
    counted = ~pair.formats
    return average_precision(pair.errors[counted], score[counted]), auroc(pair.errors[counted], score[counted])


def judged(pair: Pair, mask: NDArray[np.bool_], repaired: Texts) -> Repair:
    """Compare a repaired table with the clean one."""
    repaired = np.where(repaired == None, "", repaired)  # noqa: E711 - elementwise
    right, formats = np.asarray(repaired == pair.clean, bool), pair.formats
    changed, wrong = mask & ~formats, pair.errors & ~formats
    numeric = np.isin(np.arange(len(pair.columns)), pair.numbers)
    return Repair(
        precision=share(right, changed),
        recall=share(right & mask, wrong),
        categories=share(right, changed & ~numeric),
        damage=share(mask, ~pair.errors),
        error=distance_left(pair, repaired, wrong & numeric),
        median=distance_left(pair, with_medians(pair, mask & numeric, repaired), wrong & numeric),
        formats=share(right & mask, formats),
    )


def share(what: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    """Share of some cells; NaN of none."""
    return float(what[among].mean()) if among.any() else float("nan")


def distance_left(pair: Pair, repaired: Texts, cells: NDArray[np.bool_]) -> float:
    """Distance of repaired numbers from the clean ones, over that of the dirty ones; mean over columns."""
    ratios = []
    for column in np.flatnonzero(cells.any(0)):
        rows = np.flatnonzero(cells[:, column])
        clean, dirty, new = (as_numbers(texts[rows, column]) for texts in (pair.clean, pair.dirty, repaired))
        known = ~np.isnan(clean) & ~np.isnan(dirty) & ~np.isnan(new)
        if known.any():
            ratios.append(np.abs(new - clean)[known].sum() / np.abs(dirty - clean)[known].sum())
    return float(np.mean(ratios)) if ratios else float("nan")


def with_medians(pair: Pair, mask: NDArray[np.bool_], repaired: Texts) -> Texts:
    """The table with the median of its column in every cell of the mask."""
    texts = repaired.copy()
    for column in np.flatnonzero(mask.any(0)):
        texts[mask[:, column], column] = f"{np.nanmedian(as_numbers(pair.dirty[:, column])):.12g}"
    return texts


def as_numbers(texts: Texts) -> NDArray[np.float64]:
    """Texts as numbers, NaN where they are none."""
    return np.array([float(text) if NUMBER.fullmatch(text) else np.nan for text in texts])


def ranking_figures(name: str, found: dict[str, list[tuple[float, float]]]) -> Iterator[Figure]:
    """Both rankings of every contender; ours is to be ahead of the best of the others."""
    for at, quantity in enumerate(("average precision", "AUROC")):
        values = {who: np.array([turn[at] for turn in turns]) for who, turns in found.items()}
        best = max(values[who].mean() for who in RIVALS)
        for who, array in values.items():
            ahead = bool(array.mean() > best) if who == OURS else None
            goal = f"above {best:.3f}" if who == OURS else ""
            yield Figure(f"{name}, {quantity} of finding wrong cells, {who}", Interval.of_mean(array), goal, ahead)


GOALS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "precision": ("", lambda value: True),
    "recall": ("", lambda value: True),
    "categories": ("at least 0.80", lambda value: value >= 0.8),
    "damage": ("at most 0.005", lambda value: value <= 0.005),
    "error": ("at most 0.5", lambda value: value <= 0.5),
    "median": ("", lambda value: True),
    "formats": ("", lambda value: True),
}

WORDS = {
    "precision": "changed cells that are now exactly right",
    "recall": "value errors that are now exactly right",
    "categories": "the same of changed cells outside columns of numbers",
    "damage": "right cells that were changed",
    "error": "distance of wrong numbers after repair, over before",
    "median": "the same with column medians put in",
    "formats": "format errors that are now exactly right",
}


def repair_figures(name: str, repairs: Sequence[Repair]) -> Iterator[Figure]:
    """Every measure of the repairs that the table has."""
    for measure, words in WORDS.items():
        values = np.array([getattr(repair, measure) for repair in repairs])
        if np.isnan(values).any():
            continue
        goal, met = GOALS[measure]
        yield Figure(f"{name}, {words}", Interval.of_mean(values), goal, met(float(values.mean())) if goal else None)
