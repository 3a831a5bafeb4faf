"""Which samples of a source are meant: by id, by the value of a column, by number; and how ids are matched."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from poleward.data.pictures import picture_suffix
from poleward.data.reading import Chunk, listed
from poleward.data.tables import read_table, table_suffix
from poleward.errors import SettingError, SourceError

C = TypeVar("C", bound=Chunk)


@dataclass(frozen=True)
class Selection:
    """Which samples, and which columns of them.

    ids : only samples whose id matches one of these (see ``match_ids``)
    limit : at most so many, from the start
    where : only samples whose column has the value, for each pair (column, value as text)
    columns, exclude : only these columns of a table; all but these
    id_column : the column that names the samples
    catalogue : a table with columns about the images of a folder
    """

    ids: frozenset[str] | None = None
    limit: int | None = None
    where: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    id_column: str | None = None
    catalogue: Path | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise SettingError(f"limit is {self.limit}; it is at least 1")

    @property
    def narrows(self) -> bool:
        """Tell whether fewer samples than the first ``limit`` may be meant."""
        return self.ids is not None or bool(self.where)

    @property
    def takes_all(self) -> bool:
        """Tell whether every sample is meant."""
        return not self.narrows and self.limit is None

    def __str__(self) -> str:
        asked = [f"--where {column}={value}" for column, value in self.where]
        asked += [] if self.ids is None else [f"--ids ({len(self.ids)} of them)"]
        asked += [] if self.limit is None else [f"--limit {self.limit}"]
        return " ".join(asked)


def parse_where(text: str) -> tuple[str, str]:
    """Split COLUMN=VALUE at its first equals sign.

    >>> parse_where("split=train")
    ('split', 'train')
    """
    column, sign, value = text.partition("=")
    if not sign or not column:
        raise SettingError(f"--where is {text!r}; write it as COLUMN=VALUE, for example split=train")
    return column, value


def read_ids(path: Path) -> frozenset[str]:
    """Read ids from a table with an ``id`` column, or from a text file with one on each line."""
    if table_suffix(path):
        table = read_table(path)
        if "id" not in table.column_names:
            raise SourceError(f"{path}: has no column 'id'; its columns are {listed(table.column_names)}")
        found = [name for name in table.column("id").cast(pa.string()).to_pylist() if name is not None]
    else:
        found = _lines(path)
    if not found:
        raise SourceError(f"{path}: holds no id; write one on each line")
    return frozenset(found)


def match_ids(ids: Sequence[str], keys: Sequence[str]) -> NDArray[np.intp]:
    """Find for each id its position in ``keys``, or -1.

    They match when equal; else when equal without an image's ending, by file name, or by file name without the
    ending, as long as no other id and no other key looks the same.

    >>> match_ids(["a/1.png", "b/1.png", "b/2.png", "3.png"], ["b/1.png", "2.png", "3"]).tolist()
    [-1, 0, 1, 2]
    """
    places = {key: place for place, key in enumerate(keys)}
    found = np.array([places.get(name, -1) for name in ids], dtype=np.intp)
    for form in (_without_ending, _file_name, _stem):
        open_ones = np.flatnonzero(found < 0)
        if not len(open_ones):
            break
        places = _unrivalled(keys, form)
        rivals = Counter(map(form, ids))
        for position in open_ones.tolist():
            name = form(ids[position])
            found[position] = places.get(name, -1) if rivals[name] == 1 else -1
    return found


def picks(selection: Selection, chunks: Iterable[C], where_from: Path) -> Iterator[tuple[C, NDArray[np.intp]]]:
    """Go through chunks and give with each the positions of its selected samples.

    Raises SourceError at the end when nothing was selected or ids were not found.
    """
    search = None if selection.ids is None else _Search(selection.ids)
    left = selection.limit
    n_picked = 0
    for chunk in chunks:
        positions = np.flatnonzero(_where(chunk, selection.where) & _sought(search, chunk.ids))[:left]
        n_picked += len(positions)
        yield chunk, positions
        if left is not None:
            left -= len(positions)
            if left == 0:
                return
    if search is not None:
        search.check_all_found(where_from)
    if not n_picked:
        asked = str(selection) if selection.narrows else ""
        raise SourceError(f"{where_from}: {f'nothing is left after {asked}' if asked else 'holds no samples'}")


class _Search:
    """The ids asked for, and which of them have been met."""

    def __init__(self, ids: frozenset[str]) -> None:
        self.keys = sorted(ids)
        self.met: dict[int, str] = {}

    def among(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        places = match_ids(ids, self.keys)
        for position in np.flatnonzero(places >= 0).tolist():
            name, place = ids[position], int(places[position])
            if self.met.setdefault(place, name) != name:
                raise SourceError(f"id {self.keys[place]!r} fits both {self.met[place]!r} and {name!r}; write it out")
        return places >= 0

    def check_all_found(self, where_from: Path) -> None:
        missing = [key for place, key in enumerate(self.keys) if place not in self.met]
        if missing:
            raise SourceError(
                f"{where_from}: {len(missing)} of {len(self.keys)} ids were not found: {', '.join(missing[:3])}"
                + (", ..." if len(missing) > 3 else "")
            )


def _sought(search: _Search | None, ids: Sequence[str]) -> NDArray[np.bool_]:
    return np.ones(len(ids), dtype=bool) if search is None else search.among(ids)


def _where(chunk: Chunk, where: Sequence[tuple[str, str]]) -> NDArray[np.bool_]:
    chosen = np.ones(len(chunk.ids), dtype=bool)
    for name, value in where:
        chosen &= _equals(chunk.columns.column(name), name, value)
    return chosen


def _equals(column: Any, name: str, value: str) -> NDArray[np.bool_]:
    if value == "":
        mask = column.is_null()
    else:
        mask = pa.compute.equal(column, _as_type(value, column.type, name)).fill_null(False)
    return np.asarray(mask, dtype=bool)


def _as_type(value: str, kind: pa.DataType, name: str) -> Any:
    try:
        return pa.scalar(value).cast(kind)
    except pa.ArrowException as fault:
        raise SourceError(f"--where {name}={value}: column {name} holds {kind}, which {value!r} is not") from fault


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise SourceError(f"{path}: ids cannot be read from it ({fault})") from fault
    return [line.strip() for line in lines if line.strip()]


def _unrivalled(keys: Sequence[str], form: Callable[[str], str]) -> dict[str, int]:
    times = Counter(map(form, keys))
    return {form(key): place for place, key in enumerate(keys) if times[form(key)] == 1}


def _without_ending(name: str) -> str:
    return name.removesuffix(picture_suffix(name))


def _file_name(name: str) -> str:
    return name.rpartition("/")[2]


def _stem(name: str) -> str:
    return _without_ending(_file_name(name))
