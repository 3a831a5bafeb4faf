"""Rows of csv and parquet files, and the images that a parquet file may hold; read in pieces of bounded size."""

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from poleward.data.pictures import read_picture
from poleward.data.reading import Pictures, Reading, Rows, listed
from poleward.errors import SourceError

DELIMITERS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
SUFFIXES = (*DELIMITERS, ".parquet")
BYTES_PER_BLOCK = 1 << 20
ROWS_PER_CHUNK = 8192
PICTURES_PER_CHUNK = 256
BYTES_PER_COLUMN = 1 << 20


def table_suffix(path: Path) -> str:
    """Return the ending that makes a file a table, in lower case, or the empty string."""
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")


def read_table(path: Path) -> pa.Table:
    """Read a whole csv (every cell as text, an empty one as null) or parquet file (typed)."""
    tables = [chunk.columns for chunk in open_rows(path).chunks()]
    return pa.concat_tables(tables) if tables else pa.table({name: [] for name in open_rows(path).columns})


def open_rows(path: Path, id_column: str | None = None) -> "DelimitedRows | ParquetRows":
    """Return the reader that the file's ending asks for.

    id_column : the column that names the rows; None names them by their number, from 0
    """
    suffix = table_suffix(path)
    if not suffix:
        raise SourceError(f"{path}: is not a table; accepted are files ending in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file")
    return ParquetRows(path, id_column) if suffix == ".parquet" else DelimitedRows(path, id_column)


class DelimitedRows:
    """A csv or tsv file, plain or gzipped; every cell is text, an empty one is null."""

    indexed = False

    def __init__(self, path: Path, id_column: str | None = None) -> None:
        self.path = path
        self.delimiter = _delimiter(path)
        self.columns = _header(path, self.delimiter)
        self.features = self.columns
        self.id_column = _known_column(id_column, self.columns, path)

    def chunks(self) -> Iterator[Rows]:
        """Read the file from its start; a ragged or undecodable line raises SourceError with its number."""
        with _faults_named(self.path), _opened(self.path) as file:
            pieces = self._pieces(file)
            yield from _rows((pa.Table.from_batches([piece]) for piece in pieces), self.id_column, self.path)

    def count(self) -> None:
        """Tell that the number of rows is not known before the file was read."""

    def _pieces(self, file: io.BufferedReader) -> Iterator[pa.RecordBatch]:
        width = sum(map(len, self.columns))  # a row has to fit into a block
        return pa.csv.open_csv(
            file,
            read_options=pa.csv.ReadOptions(
                use_threads=False,  # else a faulty line has no number
                block_size=max(BYTES_PER_BLOCK, 16 * width),
            ),
            parse_options=pa.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(self.columns, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )


class ParquetRows:
    """A parquet file of typed columns."""

    indexed = False

    def __init__(self, path: Path, id_column: str | None = None) -> None:
        self.path = path
        with _faults_named(path), _parquet(path) as file:
            self.columns = _distinct(file.schema_arrow.names, path)
            self.groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self.within = (0, len(self.groups))
        self.features = self.columns
        self.id_column = _known_column(id_column, self.columns, path)

    def chunks(self) -> Iterator[Rows]:
        """Read the file, or the piece of it, from its start."""
        tables = (pa.Table.from_batches([batch]) for batch in self.batches(ROWS_PER_CHUNK))
        yield from _rows(tables, self.id_column, self.path, self.first_row)

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """Go through the rows, at most ``size`` at a time."""
        with _faults_named(self.path), _parquet(self.path) as file:
            for batch in file.iter_batches(batch_size=size, row_groups=list(range(*self.within))):
                batch.validate(full=True)  # a file may say that bytes are text which are none
                yield batch

    def count(self) -> int:
        """Return the number of rows."""
        return sum(self.groups[slice(*self.within)])

    @property
    def first_row(self) -> int:
        """The number of the first row within the file."""
        return sum(self.groups[: self.within[0]])

    def pieces(self, most: int) -> "list[ParquetRows]":
        """At most so many readers of neighbouring row groups, which read the same rows one after the other."""
        n_pieces = max(1, min(most, len(self.groups)))
        cuts = [len(self.groups) * piece // n_pieces for piece in range(n_pieces + 1)]
        found = [copy(self) for _ in range(n_pieces)]
        for piece, within in zip(found, pairwise(cuts), strict=True):
            piece.within = within
        return found


class ParquetPictures:
    """A parquet file with a column of encoded images: binary, or struct {bytes, path} as Hugging Face writes it."""

    indexed = False
    features = ()

    def __init__(self, path: Path, column: str, reading: Reading, id_column: str | None = None) -> None:
        self.path = path
        self.column = column
        self.reading = reading
        self.rows = ParquetRows(path, id_column)
        self.columns = tuple(name for name in self.rows.columns if name != column)

    def chunks(self) -> Iterator[Pictures]:
        """Read the file from its start; an image is decoded when it is asked for."""
        start = self.rows.first_row
        for batch in self.rows.batches(PICTURES_PER_CHUNK):
            with _faults_named(self.path):
                yield self._pictures(pa.Table.from_batches([batch]), start)
            start += len(batch)

    def count(self) -> int:
        """Return the number of images."""
        return self.rows.count()

    def _pictures(self, table: pa.Table, start: int) -> Pictures:
        cells = table.column(self.column)
        if pa.types.is_struct(cells.type):
            cells = pa.compute.struct_field(cells, "bytes")

        def picture(position: int) -> NDArray[Any]:
            content = cells[position].as_py()
            name = f"{self.path}, row {start + position}"
            if content is None:
                raise SourceError(f"{name}: column {self.column} holds no image bytes; write the images into the file")
            return read_picture(content, name, self.reading)

        ids = row_ids(table, self.rows.id_column, range(start, start + len(cells)), self.path)
        return Pictures(ids, table.select(self.columns), picture)


def picture_columns(path: Path) -> list[str]:
    """Return the names of the columns of a parquet file that can hold encoded images."""
    with _faults_named(path):
        return [field.name for field in pa.parquet.read_schema(path) if _holds_bytes(field.type)]


def require_parquet_within(path: Path, reading: Reading) -> None:
    """SizeError for a parquet file that holds more than the reading allows once its texts and bytes are written out.

    A text that stands in a million rows is stored once; dictionaries are counted without being written out.
    """
    with _faults_named(path):
        stated = pa.parquet.read_metadata(path)
        reading.allow((sum(group.column(at).num_values for group, at in _column_chunks(stated)),))
        leaves = [stated.schema.column(at) for at in range(stated.num_columns)]
        names = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        if any(leaf.max_repetition_level and leaf.path in names for leaf in leaves):
            raise SourceError(f"{path}: has a column of lists of texts; leave it out")
        if not names:
            return
        n_bytes = 0
        with pa.parquet.ParquetFile(path, read_dictionary=names, pre_buffer=False) as file:
            for piece in file.iter_batches(batch_size=ROWS_PER_CHUNK, columns=names):
                n_bytes += sum(map(_written_out, piece.columns))
                reading.allow((n_bytes,), itemsize=1)


def row_ids(table: pa.Table, id_column: str | None, rows: range, path: Path) -> list[str]:
    """Name the rows of a piece of a table; ``rows`` are their numbers."""
    if id_column is None:
        return [str(row) for row in rows]
    ids: list[str | None] = table.column(id_column).cast(pa.string()).to_pylist()
    if None in ids:
        raise SourceError(f"{path}: row {rows[ids.index(None)]} has no {id_column}; an id column has no empty cell")
    return [name for name in ids if name is not None]


def _rows(tables: Iterator[pa.Table], id_column: str | None, path: Path, start: int = 0) -> Iterator[Rows]:
    for table in tables:
        yield Rows(row_ids(table, id_column, range(start, start + len(table)), path), table, table.take)
        start += len(table)


def _parquet(path: Path) -> pa.parquet.ParquetFile:
    # else a row group lies in memory as a whole, and a file may be one row group
    return pa.parquet.ParquetFile(path, pre_buffer=False, buffer_size=BYTES_PER_COLUMN)


def _column_chunks(stated: Any) -> Iterator[tuple[Any, int]]:
    for number in range(stated.num_row_groups):
        group = stated.row_group(number)
        yield from ((group, at) for at in range(group.num_columns))


def _written_out(cells: pa.Array) -> int:
    """Bytes of all texts of a column, those of a dictionary as often as they stand in it."""
    if pa.types.is_struct(cells.type):
        return sum(map(_written_out, cells.flatten()))
    if not pa.types.is_dictionary(cells.type):
        return int(cells.nbytes)
    lengths = pa.compute.binary_length(cells.dictionary).cast(pa.int64())
    return int(pa.compute.sum(lengths.take(cells.indices)).as_py() or 0)


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _opened(path: Path) -> io.BufferedReader:
    return io.BufferedReader(gzip.GzipFile(path)) if path.name.lower().endswith(".gz") else path.open("rb")


def _delimiter(path: Path) -> str:
    """What the ending says; for a csv whose first line has no comma but semicolons, the semicolon."""
    with _faults_named(path), _opened(path) as file:
        first = file.readline(BYTES_PER_BLOCK)
    usual = DELIMITERS[table_suffix(path)]
    return ";" if usual == "," and b"," not in first and b";" in first else usual


def _header(path: Path, delimiter: str) -> tuple[str, ...]:
    with _faults_named(path), _opened(path) as file:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        names = next(csv.reader(lines, delimiter=delimiter), [])
        "".join(names).encode()
    if not names:
        raise SourceError(f"{path}: is empty; its first line names the columns")
    return _distinct(names, path)


def _distinct(names: Sequence[str], path: Path) -> tuple[str, ...]:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise SourceError(f"{path}: more than one column is called {twice[0]!r}; give each its own name")
    return tuple(names)


def _known_column(name: str | None, names: Sequence[str], path: Path) -> str | None:
    if name is not None and name not in names:
        raise SourceError(f"{path}: has no column {name!r} to take ids from; its columns are {listed(names)}")
    return name


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as fault:
        raise SourceError(f"{path}: line 1 is not UTF-8 text; save the file as UTF-8") from fault
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, csv.Error) as fault:
        reason = " ".join(str(fault).split())
        reason = re.sub(r".*?Row #(\d+): (?:CSV conversion error to string: )?", r"line \1 is faulty: ", reason)
        raise SourceError(f"{path}: cannot be read; {reason}") from fault
