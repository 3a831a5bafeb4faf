"""Tables with known errors: dirty and clean pairs, and errors put into clean tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.columns import MISSING_TOKENS
from poleward.data.tables import read_table
from poleward.errors import SourceError

Texts = NDArray[np.object_]
"""(n, columns) of texts."""

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
NUMBER_SHARE = 0.9
DISTINCT_NUMBERS = 30
"""A column with this share of numbers, more than this many of them different, is one of numbers."""

RANDOM_SHARE = 0.03
SYSTEMATIC_SHARE = 0.05
UNIT = 10.0


@dataclass(frozen=True)
class Pair:
    """A dirty table of texts beside its clean one.

    name : of the table and its errors
    columns : their names
    dirty, clean : (n, columns); "" for a missing cell
    """

    name: str
    columns: tuple[str, ...]
    dirty: Texts
    clean: Texts

    @property
    def table(self) -> pa.Table:
        """The dirty table as a csv file would be read."""
        return as_table(self.columns, self.dirty)

    @property
    def errors(self) -> NDArray[np.bool_]:
        """(n, columns) cells that differ."""
        return np.asarray(self.dirty != self.clean, bool)

    @property
    def formats(self) -> NDArray[np.bool_]:
        """(n, columns) cells that differ, but only in how the same value is written."""
        rows, columns = np.nonzero(self.errors)
        same = np.zeros(self.dirty.shape, bool)
        for row, column in zip(rows, columns, strict=True):
            same[row, column] = same_value(self.dirty[row, column], self.clean[row, column])
        return same

    @property
    def numbers(self) -> list[int]:
        """The columns that hold numbers when clean."""
        return [column for column in range(len(self.columns)) if holds_numbers(self.clean[:, column])]


def as_table(columns: Sequence[str], texts: Texts) -> pa.Table:
    """Texts as a table, empty ones as null."""
    return pa.table({name: [text or None for text in texts[:, at]] for at, name in enumerate(columns)})


def same_value(dirty: str, clean: str) -> bool:
    """Tell whether two texts are the same value: both missing, alike but for case and blanks, or a number and its unit.

    >>> same_value("12.0 oz", "12"), same_value("N/A", ""), same_value("9x", "95")
    (True, True, False)
    """
    if dirty.strip() in MISSING_TOKENS or clean.strip() in MISSING_TOKENS:
        return dirty.strip() in MISSING_TOKENS and clean.strip() in MISSING_TOKENS
    if dirty.casefold().split() == clean.casefold().split():
        return True
    found = NUMBER.match(dirty)
    return bool(NUMBER.fullmatch(clean) and found and abs(float(found.group()) - float(clean)) < 1e-9)


def holds_numbers(texts: Texts) -> bool:
    """Tell whether a column of texts is one of numbers."""
    numbers = {text for text in texts if NUMBER.fullmatch(text)}
    share = np.mean([text in numbers for text in texts])
    return bool(share >= NUMBER_SHARE and len(numbers) > DISTINCT_NUMBERS)


def clean_texts(path: Path) -> tuple[tuple[str, ...], Texts]:
    """Names and texts of a clean table: an npz with an array ``X`` of numbers, or a csv file."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            numbers = archive["X"]
        texts = np.array([[f"{x:.6g}" for x in row] for row in numbers.tolist()], object)
        return tuple(f"x{column}" for column in range(texts.shape[1])), texts
    table = read_table(path)
    texts = np.array([column.cast(pa.string()).to_pylist() for column in table.columns], object).T
    texts[texts == None] = ""  # noqa: E711 - elementwise
    return tuple(table.column_names), texts


def clean_pair(path: Path, left_out: Sequence[str], most_rows: int, seed: int) -> Pair:
    """A clean table beside itself, at most so many rows of it, without some columns."""
    names, texts = clean_texts(path)
    columns = np.flatnonzero([name not in left_out for name in names])
    rows = np.sort(np.random.default_rng(seed).permutation(len(texts))[:most_rows])
    kept = texts[np.ix_(rows, columns)]
    name = path.name.partition(".")[0]
    return Pair(
        path.parent.name if name == "train" else name, tuple(names[at] for at in columns.tolist()), kept.copy(), kept
    )


def read_pair(folder: Path, most_rows: int, seed: int) -> Pair:
    """``dirty.csv`` and ``clean.csv`` of a folder, at most so many rows of them."""
    for name in ("dirty.csv", "clean.csv"):
        if not (folder / name).is_file():
            raise SourceError(f"{folder / name}: there is no such file; name the folder of table pairs with --data")
    tables = [read_table(folder / name) for name in ("dirty.csv", "clean.csv")]
    dirty, clean = (np.array([c.to_pylist() for c in table.columns], object).T for table in tables)
    dirty[dirty == None], clean[clean == None] = "", ""  # noqa: E711 - elementwise
    kept = np.sort(np.random.default_rng(seed).permutation(len(dirty))[:most_rows])
    return Pair(folder.name, tuple(tables[0].column_names), dirty[kept], clean[kept])


def with_random_errors(pair: Pair, seed: int) -> Pair:
    """3 % of the cells of every column: to a number, noise of 2 to 5 standard deviations; else another value."""
    rng = np.random.default_rng(seed)
    dirty = pair.clean.copy()
    for column in range(len(pair.columns)):
        rows = np.flatnonzero((rng.random(len(dirty)) < RANDOM_SHARE) & (dirty[:, column] != ""))
        if column in pair.numbers:
            numeric = rows[[bool(NUMBER.fullmatch(text)) for text in dirty[rows, column]]]
            spread = np.std([float(text) for text in pair.clean[:, column] if NUMBER.fullmatch(text)])
            noise = rng.uniform(2, 5, len(numeric)) * rng.choice([-1, 1], len(numeric)) * spread
            for row, change in zip(numeric, noise, strict=True):
                dirty[row, column] = changed_by(dirty[row, column], change)
        else:
            values = np.unique(pair.clean[:, column].astype(str))
            for row in rows:
                others = values[values != dirty[row, column]]
                dirty[row, column] = str(rng.choice(others)) if len(others) else dirty[row, column]
    return Pair(f"{pair.name}, random errors", pair.columns, dirty, pair.clean)


def with_systematic_errors(pair: Pair, seed: int) -> Pair:
    """Each in 5 % of the rows: two columns swapped, a tenfold unit, a number as 0; 3 % of texts misspelt."""
    rng = np.random.default_rng(seed)
    dirty = pair.clean.copy()
    numbers = list(rng.permutation(pair.numbers))
    texts = [column for column in range(len(pair.columns)) if column not in pair.numbers]
    group = numbers if len(numbers) >= 2 else list(rng.permutation(texts))
    rows = rng.random(len(dirty)) < SYSTEMATIC_SHARE
    dirty[np.ix_(rows, group[:2])] = dirty[np.ix_(rows, group[1::-1])]
    for column, factor in zip(numbers[-2:], (UNIT, 0.0), strict=False):
        for row in np.flatnonzero(rng.random(len(dirty)) < SYSTEMATIC_SHARE):
            if NUMBER.fullmatch(dirty[row, column]):
                dirty[row, column] = f"{float(dirty[row, column]) * factor:.12g}"
    for column in texts:
        for row in np.flatnonzero(rng.random(len(dirty)) < RANDOM_SHARE):
            dirty[row, column] = misspelt(dirty[row, column], rng)
    return Pair(f"{pair.name}, systematic errors", pair.columns, dirty, pair.clean)


def changed_by(text: str, change: float) -> str:
    """A number with something added, written with as many decimals.

    >>> changed_by("12.5", 1.01)
    '13.5'
    """
    decimals = len(text.partition(".")[2])
    return f"{float(text) + change:.{decimals}f}"


def misspelt(text: str, rng: np.random.Generator) -> str:
    """One letter replaced, left out, or swapped with the next."""
    if len(text) < 2:
        return text
    at = int(rng.integers(len(text) - 1))
    letter = chr(ord("a") + int(rng.integers(26)))
    ways = (
        text[:at] + letter + text[at + 1 :],
        text[:at] + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )
    return ways[int(rng.integers(3))]
