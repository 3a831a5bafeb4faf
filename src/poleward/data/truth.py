"""What is known of the samples: which are anomalous, matched to any ids that a ranking may have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.folder import FolderPictures
from poleward.data.reading import Reading, listed
from poleward.data.selection import Selection, match_ids, picks
from poleward.data.source import open_reader
from poleward.data.tables import read_table
from poleward.errors import SourceError

VALUES = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
USUAL_NAMES = ("label", "odd", "anomaly", "is_anomaly", "outlier", "y", "target")


@dataclass(frozen=True)
class Truth:
    """Which samples are anomalous.

    column : where it stands
    labels, known : (n,) whether a sample is anomalous; whether that is known
    keys : ways of naming the n samples, the likelier first; the one that fits more ids is used
    """

    column: str
    labels: NDArray[np.bool_]
    known: NDArray[np.bool_]
    keys: tuple[Sequence[str], ...]

    def aligned(self, ids: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return (labels, known), one of each per id; a label that is not known is False.

        Raises SourceError when nothing is known of any of the ids.
        """
        places = max((places_of(ids, keys) for keys in self.keys), key=lambda found: int((found >= 0).sum()))
        known = (places >= 0) & self.known[places]
        if not known.any():
            raise SourceError(
                f"the truth in column {self.column!r} fits none of the {len(ids)} ids "
                f"({listed(ids, 2)} against {listed(self.keys[0], 2)}); name the id column or another truth file"
            )
        return self.labels[places] & known, known


def read_truth(
    path: Path | None,
    source_path: Path,
    selection: Selection | None = None,
    column: str | None = None,
    normal: str | None = None,
    reading: Reading | None = None,
) -> Truth:
    """Read which samples are anomalous.

    path : a csv or parquet file, matched by ``id_column`` or ``id``, without such a column by row number or by
        its first column; None reads the source's own columns (of the table, of the arrays, of the catalogue)
    column : where it stands; None looks for the one column that can be it
    normal : the value of a normal sample, every other being anomalous; None accepts 0/1 and false/true
    """
    selection = selection or Selection()
    if path is None or path.resolve() == source_path.resolve():
        path, table, keys = source_path, *own_columns(source_path, selection, reading or Reading())
    else:
        table = read_table(path)
        keys, id_name = keys_of(table, selection.id_column)
        table = table if id_name is None else table.drop_columns([id_name])
    name = _truth_column(table, column, normal, path)
    labels, known = _labels(texts_of(table.column(name)), name, normal, path)
    return Truth(name, labels, known, keys)


def own_columns(path: Path, selection: Selection, reading: Reading) -> tuple[pa.Table, tuple[Sequence[str], ...]]:
    """Columns about the selected samples that lie in a source or with it, and the samples' ids."""
    reader = open_reader(path, selection, reading)
    ids: list[str] = []
    tables = []
    for chunk, positions in picks(selection, reader.chunks(), path):
        columns = reader.about(chunk.ids) if isinstance(reader, FolderPictures) else chunk.columns
        ids += [chunk.ids[position] for position in positions]
        tables.append(columns.take(positions))
    table = pa.concat_tables(tables)
    kept = [name for name in table.column_names if name != selection.id_column]
    return table.select(kept), (ids,)


def keys_of(table: pa.Table, id_column: str | None) -> tuple[tuple[Sequence[str], ...], str | None]:
    """Ways of naming the rows of a table, the likelier first, and the column of the names where there is one."""
    names = table.column_names
    for name in (id_column, "id"):
        if name in names:
            return (texts_of(table.column(name)),), name
    by_number = [str(row) for row in range(len(table))]
    by_first = texts_of(table.column(0))
    return ((by_number, by_first) if len(set(by_first)) == len(by_first) else (by_number,)), None


def places_of(ids: Sequence[str], keys: Sequence[str]) -> NDArray[np.intp]:
    """Position among the keys of each id, or -1; SourceError where a key stands for two samples."""
    if list(ids) == list(keys):
        return np.arange(len(ids))
    if len(set(keys)) < len(keys):
        raise SourceError("the truth names a sample more than once; name a column of unique ids")
    return match_ids(ids, keys)


def _truth_column(table: pa.Table, column: str | None, normal: str | None, path: Path) -> str:
    names = table.column_names
    if column is not None:
        if column not in names:
            raise SourceError(f"{path}: has no column {column!r} to take the truth from; {columns_held(names)}")
        return column
    candidates = list(_candidates(table, normal))
    usual = [name for name in USUAL_NAMES if name in candidates]
    if usual or len(candidates) == 1:
        return (usual or candidates)[0]
    sought = "two values 0/1 or false/true" if normal is None else f"the value {normal!r}"
    found = (
        f"{len(candidates)} columns hold {sought} ({listed(candidates)})" if candidates else f"no column holds {sought}"
    )
    raise SourceError(
        f"{path}: {found}; {columns_held(names)}; name the truth column and, if need be, the normal value"
    )


def _candidates(table: pa.Table, normal: str | None) -> Iterator[str]:
    for name in table.column_names:
        if not pa.types.is_nested(table.column(name).type):
            values = set(texts_of(table.column(name).unique())) - {""}
            if normal in values or (
                normal is None and {VALUES.get(value.lower()) for value in values} == {False, True}
            ):
                yield name


def _labels(
    texts: Sequence[str], name: str, normal: str | None, path: Path
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    known = np.array([text != "" for text in texts], dtype=bool)
    if normal is not None:
        if normal not in texts:
            raise SourceError(f"{path}: column {name!r} never holds {normal!r}; it holds {listed(sorted(set(texts)))}")
        return known & np.array([text != normal for text in texts], dtype=bool), known
    odd = sorted({text for text in texts if text and text.lower() not in VALUES})
    if odd:
        raise SourceError(
            f"{path}: column {name!r} holds {listed(odd)}; accepted are 0/1 and false/true, or name the normal value"
        )
    return np.array([VALUES.get(text.lower(), False) for text in texts], dtype=bool), known


def texts_of(column: Any) -> list[str]:
    """Cells as text, "" for an empty one."""
    texts: list[str] = column.cast(pa.string()).fill_null("").to_pylist()
    return texts


def columns_held(names: Sequence[str]) -> str:
    """What columns there are, for an error."""
    return f"its columns are {listed(names)}" if names else "no column is known beside the data"
