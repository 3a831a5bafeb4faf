"""Rankings on disk: csv or parquet, written piece by piece and put in place only when complete."""

import csv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from poleward.data.reading import listed
from poleward.data.tables import read_table
from poleward.errors import OutputError, SettingError, SourceError
from poleward.records import Ranking
from poleward.staging import staged

COLUMNS: dict[str, pa.DataType] = {
    "id": pa.string(),
    "score": pa.float64(),
    "p_value": pa.float64(),
    "is_anomaly": pa.bool_(),
    "in_training": pa.bool_(),
}
SCHEMA = pa.schema(COLUMNS)

CLASS_COLUMNS: dict[str, pa.DataType] = {"class": pa.string(), "confidence": pa.float64()}
"""What the ranking of a classifier has besides."""


class RankingWriter:
    """Write a ranking to a .csv or .parquet file, in as many pieces as one likes.

    The pieces go to a hidden file near the target, which takes the target's name when the ``with`` block ends well and
    is removed when it does not. Numbers in a csv read back as the same float64.

    with_classes : whether the rankings are a classifier's, and have its two columns besides

    Raises SettingError for another ending, OutputError when the place cannot be written.
    """

    def __init__(self, path: str | Path, with_classes: bool = False) -> None:
        self.path = Path(path)
        self.schema = pa.schema(COLUMNS | CLASS_COLUMNS) if with_classes else SCHEMA
        if self.path.suffix.lower() not in _FILES:
            raise SettingError(f"{self.path}: a ranking ends in {' or '.join(_FILES)}")

    def __enter__(self) -> "RankingWriter":
        with faults_named(self.path), ExitStack() as opened:
            if self.path.is_dir():
                raise IsADirectoryError(None, "it is a folder")
            self._part = opened.enter_context(staged(self.path)) / self.path.name
            self._file = _FILES[self.path.suffix.lower()](self._part, self.schema)
            self._opened = opened.pop_all()
        return self

    def write(self, ranking: Ranking) -> None:
        """Append the lines of a ranking."""
        with faults_named(self.path):
            self._file.write(ranking)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with faults_named(self.path):
                self._file.close()
                if kind is None:
                    self._part.replace(self.path)
        except OutputError:
            if kind is None:
                raise
        finally:
            self._opened.close()


def read_ranking(path: str | Path) -> Ranking:
    """Read a ranking that ``RankingWriter`` wrote."""
    table = read_table(Path(path))
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise SourceError(
            f"{path}: is no ranking; it lacks the columns {', '.join(missing)} and has {listed(table.column_names)}"
        )
    wanted = COLUMNS | {name: kind for name, kind in CLASS_COLUMNS.items() if name in table.column_names}
    try:
        columns = table.select(list(wanted)).cast(pa.schema(wanted))
    except pa.ArrowException as fault:
        raise SourceError(f"{path}: is no ranking ({' '.join(str(fault).split())})") from fault
    return ranking_of(columns)


def ranking_pieces(path: str | Path, size: int = 65_536) -> Iterator[Ranking]:
    """Go through a .parquet file that ``RankingWriter`` wrote, at most ``size`` lines at a time."""
    with pa.parquet.ParquetFile(path) as file:
        for piece in file.iter_batches(size):
            yield ranking_of(pa.table(piece))


def ranking_table(ranking: Ranking) -> pa.Table:
    """A ranking as an Arrow table."""
    columns: list[Any] = [list(ranking.id), ranking.score, ranking.p_value, ranking.is_anomaly, ranking.in_training]
    kinds = COLUMNS
    if ranking.label is not None:
        columns += [list(ranking.label), ranking.confidence]
        kinds = COLUMNS | CLASS_COLUMNS
    return pa.table([pa.array(c, kind) for c, kind in zip(columns, kinds.values(), strict=True)], pa.schema(kinds))


def ranking_of(table: pa.Table) -> Ranking:
    """Undo `ranking_table`; columns beside those of a ranking are passed over."""
    ids = [name or "" for name in table.column("id").to_pylist()]
    fields: dict[str, Any] = {name: _column(table, name) for name in list(COLUMNS)[1:]}
    if set(CLASS_COLUMNS) <= set(table.column_names):
        fields |= {"label": table.column("class").to_pylist(), "confidence": _column(table, "confidence")}
    return Ranking(id=ids, **fields)


class _File(Protocol):
    def write(self, ranking: Ranking) -> None: ...

    def close(self) -> None: ...


class _Csv:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.file = path.open("w", encoding="utf-8", newline="")
        self.lines = csv.writer(self.file, lineterminator="\n")
        self.lines.writerow(schema.names)

    def write(self, ranking: Ranking) -> None:
        columns: list[Any] = [
            ranking.id,
            ranking.score.tolist(),
            ranking.p_value.tolist(),
            _words(ranking.is_anomaly),
            _words(ranking.in_training),
        ]
        if ranking.label is not None and ranking.confidence is not None:
            columns += [ranking.label, ranking.confidence.tolist()]
        self.lines.writerows(zip(*columns, strict=True))

    def close(self) -> None:
        self.file.close()


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.file = pa.parquet.ParquetWriter(path, schema)

    def write(self, ranking: Ranking) -> None:
        self.file.write_table(ranking_table(ranking))

    def close(self) -> None:
        self.file.close()


_FILES: "dict[str, type[_Csv] | type[_Parquet]]" = {".csv": _Csv, ".parquet": _Parquet}


def _words(flags: NDArray[np.bool_]) -> list[str]:
    return ["true" if flag else "false" for flag in flags.tolist()]


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    column = table.column(name)
    if column.null_count:
        raise SourceError(f"a ranking has no empty cell, but column {name!r} has {column.null_count}")
    return np.asarray(column.to_numpy())


@contextmanager
def faults_named(path: Path) -> Iterator[None]:
    """OutputError for what the system says against writing at this path."""
    try:
        yield
    except OSError as fault:
        raise OutputError(f"{path}: cannot be written ({fault.strerror or fault})") from fault
