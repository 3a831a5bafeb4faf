"""Copies of table files in which some cells are replaced and everything else is as it was.

A csv or tsv file keeps every byte of its other cells; a parquet file its schema, row groups and other cells; a .npy
file its other bytes, an .npz its other arrays. A gzipped file is compressed anew. The source is only read.
"""

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from poleward.data import arrays
from poleward.data.arrays import ArrayRows, Stack, chosen_array, open_arrays
from poleward.data.columns import MISSING_TOKENS, as_type, is_text, plain_type
from poleward.data.delimited import MARK, cells, is_empty, records, said, written
from poleward.data.placement import placed, require_another, writing
from poleward.data.reading import Reading, listed
from poleward.data.tables import DelimitedRows, ParquetRows, open_rows, table_suffix
from poleward.errors import SettingError, SourceError

BYTES_PER_COLUMN = 1 << 20
COMPRESSION_LEVEL = 6


@dataclass(frozen=True)
class Replacement:
    """One cell to be replaced.

    row : from 0
    expected : what the cell holds; None for any form of a missing cell
    value : what is put there; None for a missing cell
    id : of the row, compared where the file has a column of ids
    exact : the value's own spelling in the file where that is not the usual one (see ``Copy.replace``)
    """

    row: int
    column: str
    expected: Any
    value: Any
    id: str = ""
    exact: str | None = None


class Copy(Protocol):
    """A copy on its way."""

    def replace(self, replacements: Sequence[Replacement]) -> list[str | None]:
        """Replace cells in rows behind those of earlier calls.

        Returns
        -------
        For each the spelling of what stood there, None where it is the usual one of ``expected``

        Errors
        ------
        SourceError : no such row or column, another id, or a cell that does not hold what was expected
        """
        ...

    def finish(self) -> None:
        """Copy all that follows."""
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


@contextmanager
def copied(source: Path, out: Path, id_column: str | None = None, array: str | None = None) -> Iterator[Copy]:
    """Copy a table file while replacing cells; the copy is put in place when the block ends well.

    source, out : of one ending
    id_column : column that names the rows; None does not compare ids
    array : which array of an .npz

    Errors
    ------
    SourceError : the source cannot be read or is no table
    SettingError : ``out`` has another ending
    OutputError : ``out`` is the source or cannot be written
    """
    reader = _reader(source, id_column, array)
    require_another(out, source)
    check_ending(source, out)
    with placed(out) as part:
        copy = _opened_copy(reader, part, out, array)
        try:
            yield copy
            copy.finish()
        finally:
            copy.close()


def check_ending(source: Path, out: Path) -> None:
    """SettingError where a copy does not end as its source does."""
    suffix, given = (table_suffix(path) or path.suffix.lower() for path in (source, out))
    if given != suffix:
        raise SettingError(f"{out}: the copy of {source} has to end in {suffix} as well")


def text_of(value: Any) -> str | None:
    """Write a value as it stands in a list of changes, None for a missing one.

    >>> text_of(0.1), text_of(True), text_of(None)
    ('0.1', 'true', None)
    """
    return value if value is None or isinstance(value, str) else str(pa.scalar(value).cast(pa.string()).as_py())


def is_missing(text: str | None) -> bool:
    """Tell whether a text says that its cell is empty."""
    return text is None or text.strip() in MISSING_TOKENS


class DelimitedCopy:
    """A csv or tsv file, copied record by record."""

    def __init__(self, rows: DelimitedRows, part: Path, out: Path) -> None:
        self.path, self.out, self.columns = rows.path, out, rows.columns
        self.delimiter = rows.delimiter.encode()
        self.id_place = None if rows.id_column is None else rows.columns.index(rows.id_column)
        self.row = -2  # the header is -1
        self._source = _bytes_of(rows.path)
        with writing(out):
            self._target = _bytes_to(part)
        self._records = self._read()

    def replace(self, replacements: Sequence[Replacement]) -> list[str | None]:
        """Replace cells; see ``Copy``."""
        return [exact for row, group in by_row(replacements, self.path) for exact in self._record(row, group)]

    def finish(self) -> None:
        """Copy all that follows."""
        with writing(self.out):
            self._target.writelines(self._records)
            self._target.close()

    def close(self) -> None:
        """Let go of the files."""
        self._source.close()
        with suppress(OSError):  # the disc is full, which was said already
            self._target.close()

    def _record(self, row: int, group: Sequence[Replacement]) -> list[str | None]:
        record = self._go_to(row)
        with reading(self.path):
            found, line_end = cells(record, self.delimiter)
        if len(found) != len(self.columns):
            raise SourceError(f"{self.path}: row {row} has {len(found)} cells; the header has {len(self.columns)}")
        if self.id_place is not None:
            check_id(self.path, row, self._said(found[self.id_place], row), group[0].id)
        exact = [self._cell(found, replacement) for replacement in group]
        self._write(self.delimiter.join(found) + line_end)
        return exact

    def _cell(self, found: list[bytes], replacement: Replacement) -> str | None:
        place = column_place(self.path, self.columns, replacement.column)
        before = found[place]
        check_cell(self.path, replacement, self._said(before, replacement.row), text_of(replacement.expected))
        found[place] = self._new(replacement)
        return None if before == self._usual(replacement.expected) else before.decode()

    def _new(self, replacement: Replacement) -> bytes:
        if replacement.exact is None:
            return self._usual(replacement.value)
        cell, value = replacement.exact.encode(), text_of(replacement.value)
        if cells(cell, self.delimiter) != ([cell], b"") or not agree(said(cell), value):
            raise SourceError(
                f"row {replacement.row}, column {replacement.column!r}: {replacement.exact!r} is no way to write "
                f"{value!r}; the list of changes is damaged"
            )
        return cell

    def _usual(self, value: Any) -> bytes:
        return written(text_of(value), self.delimiter, alone=len(self.columns) == 1)

    def _said(self, cell: bytes, row: int) -> str | None:
        try:
            return said(cell)
        except UnicodeDecodeError as fault:
            raise SourceError(f"{self.path}: row {row} is not UTF-8 text; save the file as UTF-8") from fault

    def _go_to(self, row: int) -> bytes:
        if row <= self.row:
            raise SourceError(f"{self.path}: row {row} comes after row {self.row}; changes are told by rising row")
        with writing(self.out):
            for record in self._records:
                self.row += not is_empty(record)
                if self.row == row:
                    return record
                self._target.write(record)
        raise no_such_row(self.path, row, self.row + 1)

    def _read(self) -> Iterator[bytes]:
        with reading(self.path):
            start = self._source.read(len(MARK))
            if start == MARK:
                self._write(start)
            else:
                self._source.seek(0)
            yield from records(self._source, self.delimiter)

    def _write(self, content: bytes) -> None:
        with writing(self.out):
            self._target.write(content)


class ParquetCopy:
    """A parquet file, copied row group by row group; one of them lies in memory."""

    def __init__(self, rows: ParquetRows, part: Path, out: Path) -> None:
        self.path, self.out, self.id_column = rows.path, out, rows.id_column
        with reading(rows.path):
            self._file = pq.ParquetFile(rows.path, pre_buffer=False, buffer_size=BYTES_PER_COLUMN)
            self.schema, compressions = self._file.schema_arrow, _compressions(self._file.metadata)
        with writing(out):
            self._target = pq.ParquetWriter(part, self.schema, compression=compressions)
        self.row = -1
        self._start, self._group, self._table = 0, -1, self.schema.empty_table()
        self._changed: dict[str, dict[int, Any]] = {}

    def replace(self, replacements: Sequence[Replacement]) -> list[str | None]:
        """Replace cells; see ``Copy``."""
        return [exact for row, group in by_row(replacements, self.path) for exact in self._row(row, group)]

    def finish(self) -> None:
        """Copy all that follows."""
        while self._next_group():
            pass
        with writing(self.out):
            self._target.close()

    def close(self) -> None:
        """Let go of the files."""
        self._file.close()
        with suppress(OSError, pa.ArrowException):
            self._target.close()

    def _row(self, row: int, group: Sequence[Replacement]) -> list[str | None]:
        if row <= self.row:
            raise SourceError(f"{self.path}: row {row} comes after row {self.row}; changes are told by rising row")
        self.row = row
        while row >= self._start + len(self._table):
            if not self._next_group():
                raise no_such_row(self.path, row, self._start)
        position = row - self._start
        if self.id_column is not None:
            check_id(self.path, row, self._text(self.id_column, position), group[0].id)
        return [self._cell(position, replacement) for replacement in group]

    def _cell(self, position: int, replacement: Replacement) -> str | None:
        column = replacement.column
        column_place(self.path, self.schema.names, column)
        cell_type = plain_type(self.schema.field(column).type)
        value = replacement.value if replacement.exact is None else replacement.exact
        found = self._text(column, position)
        expected = usual(replacement.expected, cell_type, replacement)
        check_cell(self.path, replacement, found, expected)
        self._changed.setdefault(column, {})[position] = typed(value, cell_type, replacement)
        return None if found == expected else found

    def _text(self, column: str, position: int) -> str | None:
        return scalar_text(self._table.column(column)[position])

    def _next_group(self) -> bool:
        with writing(self.out):
            if self._group >= 0 and self._group < self._file.num_row_groups:
                self._target.write_table(self._rewritten(), row_group_size=max(1, len(self._table)))
        self._start += len(self._table)
        self._group += 1
        self._changed, self._table = {}, self.schema.empty_table()
        if self._group >= self._file.num_row_groups:
            return False
        with reading(self.path):
            self._table = self._file.read_row_group(self._group)
        return True

    def _rewritten(self) -> pa.Table:
        table = self._table
        for column, values in self._changed.items():
            place = table.column_names.index(column)
            table = table.set_column(place, table.field(place), replaced(table.column(place), values))
        return table


class ArrayCopy:
    """An (n, d) array of a .npy or .npz file, as a table of columns x0 ... x{d-1}."""

    def __init__(self, rows: ArrayRows, part: Path, out: Path, array: str | None) -> None:
        self.path, self.columns = rows.path, rows.features
        self.ids = None if rows.id_column is None else rows.stack.companions[rows.id_column]
        self.row = -1
        self._file = ArrayFile(rows.path, part, out, array, rows.stack)

    def replace(self, replacements: Sequence[Replacement]) -> list[str | None]:
        """Replace cells; see ``Copy``."""
        return [exact for row, group in by_row(replacements, self.path) for exact in self._row(row, group)]

    def finish(self) -> None:
        """Complete the file."""
        self._file.finish()

    def close(self) -> None:
        """Let go of the files."""
        self._file.close()

    def _row(self, row: int, group: Sequence[Replacement]) -> list[str | None]:
        if row <= self.row:
            raise SourceError(f"{self.path}: row {row} comes after row {self.row}; changes are told by rising row")
        self.row = row
        if row >= self._file.shape[0]:
            raise no_such_row(self.path, row, self._file.shape[0])
        if self.ids is not None:
            check_id(self.path, row, text_of(self.ids[row]), group[0].id)
        return [self._cell(row, replacement) for replacement in group]

    def _cell(self, row: int, replacement: Replacement) -> str | None:
        place = column_place(self.path, self.columns, replacement.column)
        cell_type = pa.from_numpy_dtype(self._file.dtype.newbyteorder("="))
        value = replacement.value if replacement.exact is None else replacement.exact
        if value is None and self._file.dtype.kind == "f":
            value = np.nan
        found = scalar_text(pa.scalar(self._file.cell(row, place), cell_type))
        expected = usual(replacement.expected, cell_type, replacement)
        check_cell(self.path, replacement, found, expected)
        new = typed(value, cell_type, replacement).as_py()
        if new is None:
            raise SourceError(
                f"row {row}, column {replacement.column!r}: an array of {self._file.dtype} has no missing cell"
            )
        self._file.put((row, place), new)
        return None if found == expected else found


class ArrayFile:
    """A copy of a .npy file, or of an .npz with one of its arrays laid out beside it, in which cells are overwritten.

    array : which array of an .npz; None for the one that ``open_arrays`` takes
    stack : the array as it is in the source
    """

    def __init__(self, source: Path, part: Path, out: Path, array: str | None, stack: Stack) -> None:
        self.source, self.part, self.out = source, part, out
        self.shape, self.dtype = stack.shape, stack.dtype
        self._array = stack.read()
        self._member = "" if source.suffix.lower() == ".npy" else f"{chosen_array(source, array)}.npy"
        self._work = part.with_name(f"{part.name}.array") if self._member else part
        with writing(out):
            self._lay_out()
            self._file = self._work.open("r+b")
        header = np.load(self._work, mmap_mode="r", allow_pickle=False)
        self._offset, self._strides = header.offset, header.strides

    def cell(self, *place: int) -> Any:
        """Return the value of the source's cell in native byte order."""
        return self._array[place].item()

    def put(self, place: Sequence[int], value: Any) -> None:
        """Overwrite one cell."""
        with writing(self.out):
            self._file.seek(self._offset + int(np.dot(place, self._strides)))
            self._file.write(np.asarray(value, self.dtype).tobytes())

    def finish(self) -> None:
        """Write what is still in memory, and the archive around the array."""
        with writing(self.out):
            self._file.close()
            if self._member:
                self._archive()

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._file.close()

    def _lay_out(self) -> None:
        if not self._member:
            shutil.copyfile(self.source, self._work)
            return
        with (
            zipfile.ZipFile(self.source) as archive,
            archive.open(self._member) as packed,
            self._work.open("wb") as bare,
        ):
            shutil.copyfileobj(packed, bare)

    def _archive(self) -> None:
        with zipfile.ZipFile(self.source) as before, zipfile.ZipFile(self.part, "w") as after:
            for entry in before.infolist():
                is_changed = entry.filename == self._member
                with (
                    self._work.open("rb") if is_changed else before.open(entry) as content,
                    after.open(_like(entry), "w", force_zip64=True) as packed,
                ):
                    shutil.copyfileobj(content, packed)


def typed(value: Any, type: pa.DataType, replacement: Replacement) -> Any:  # noqa: A002 - the Arrow word
    """Return a value, or its text, as an Arrow scalar of a column's type."""
    text = text_of(value)
    if text is None:
        return pa.scalar(None, type)
    if is_text(type):
        return pa.scalar(text, type)
    try:
        return pa.scalar(text, pa.string()).cast(type)
    except pa.ArrowException as fault:
        raise SourceError(
            f"row {replacement.row}, column {replacement.column!r} holds {type}, which {text!r} is not; "
            "the type has changed, or the list of changes belongs to another file"
        ) from fault


def usual(value: Any, type: pa.DataType, replacement: Replacement) -> str | None:  # noqa: A002
    """Return the text that a value has in a column of a type."""
    return scalar_text(typed(value, type, replacement))


def scalar_text(scalar: Any) -> str | None:
    """Return the text of an Arrow scalar, None for null."""
    if pa.types.is_dictionary(scalar.type):
        scalar = scalar.value if hasattr(scalar, "value") else scalar.as_py()
    return None if not scalar.is_valid else str(scalar.cast(pa.string()).as_py())


def replaced(column: Any, values: dict[int, Any]) -> Any:
    """Put scalars at positions of an Arrow column; a dictionary column gets a new dictionary."""
    plain = column.cast(plain_type(column.type)).combine_chunks()
    mask = np.zeros(len(column), bool)
    mask[list(values)] = True
    new = pa.array([values[position] for position in sorted(values)], plain.type)
    return as_type(pc.replace_with_mask(plain, mask, new), column.type)


def by_row(replacements: Sequence[Replacement], path: Path) -> Iterator[tuple[int, list[Replacement]]]:
    """Give the replacements of each row together; SourceError for a cell that is replaced twice."""
    for row, together in groupby(replacements, key=attrgetter("row")):
        group = list(together)
        names = [replacement.column for replacement in group]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise SourceError(f"{path}: row {row}, column {twice[0]!r} is changed twice; leave one change")
        yield row, group


def column_place(path: Path, names: Sequence[str], name: str) -> int:
    """Return where a column stands."""
    if name not in names:
        raise SourceError(f"{path}: has no column {name!r} to change; its columns are {listed(names)}")
    return list(names).index(name)


def check_cell(path: Path, replacement: Replacement, found: str | None, expected: str | None) -> None:
    """SourceError where a cell does not hold what was expected."""
    if not agree(found, expected):
        raise SourceError(
            f"{path}: row {replacement.row}, column {replacement.column!r} holds {_named(found)} where "
            f"{_named(expected)} is expected; the changes were made for another file or another state of it"
        )


def check_id(path: Path, row: int, found: str | None, expected: str) -> None:
    """SourceError where a row has another id."""
    if found != expected:
        raise SourceError(
            f"{path}: row {row} is {_named(found)}, not {expected!r}; the changes were made for another file or order"
        )


def agree(found: str | None, expected: str | None) -> bool:
    """Tell whether a cell holds what was expected; all forms of a missing cell are one."""
    return found == expected or (not expected and is_missing(found))


def no_such_row(path: Path, row: int, n_rows: int) -> SourceError:
    """Say that a file is too short."""
    return SourceError(f"{path}: has {n_rows} rows, from 0; there is no row {row}, so the changes are of another file")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """SourceError that names the file for whatever keeps the block from reading."""
    try:
        yield
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, pa.ArrowException) as fault:
        raise SourceError(f"{path}: cannot be read ({' '.join(str(fault).split())})") from fault


def _reader(source: Path, id_column: str | None, array: str | None) -> DelimitedRows | ParquetRows | ArrayRows:
    if source.suffix.lower() not in arrays.SUFFIXES:
        return open_rows(source, id_column)
    if not source.is_file():
        raise SourceError(f"{source}: there is no such file")
    opened = open_arrays(source, Reading(array=array), id_column)
    if not isinstance(opened, ArrayRows):
        raise SourceError(f"{source}: holds images of shape {opened.stack.shape}; only the cells of a table are listed")
    return opened


def _opened_copy(
    reader: DelimitedRows | ParquetRows | ArrayRows, part: Path, out: Path, array: str | None
) -> DelimitedCopy | ParquetCopy | ArrayCopy:
    if isinstance(reader, DelimitedRows):
        return DelimitedCopy(reader, part, out)
    return ParquetCopy(reader, part, out) if isinstance(reader, ParquetRows) else ArrayCopy(reader, part, out, array)


def _bytes_of(path: Path) -> BufferedIOBase:
    with reading(path):
        return gzip.GzipFile(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _bytes_to(path: Path) -> BufferedIOBase:
    if path.name.lower().endswith(".gz"):
        return gzip.GzipFile(path, "wb", COMPRESSION_LEVEL, mtime=0)
    return path.open("wb")


def _compressions(metadata: pq.FileMetaData) -> dict[str, str] | str:
    if not metadata.num_row_groups:
        return "snappy"
    group = metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    return {column.path_in_schema: column.compression.lower().replace("uncompressed", "none") for column in columns}


def _like(entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    copy = zipfile.ZipInfo(entry.filename, entry.date_time)
    copy.compress_type, copy.external_attr = entry.compress_type, entry.external_attr
    return copy


def _named(text: str | None) -> str:
    return "no value" if text is None else repr(text)
