"""The body of a request -> samples as a source gives them, read by the same readers as files.

How large a body says it is, decoded, is asked before anything of it is decoded.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.pictures import read_picture
from poleward.data.reading import Reading, parse_size
from poleward.data.scaling import sizes
from poleward.data.selection import Selection
from poleward.data.source import Batch, Source, open_source
from poleward.data.tables import row_ids
from poleward.detector.intake import names_of
from poleward.errors import SchemaError, SizeError, SourceError

if TYPE_CHECKING:
    from poleward.classifier.classifier import OpenSetClassifier
    from poleward.detector.detector import Detector

JSON = "application/json"
ARRAYS = {b"\x93NUMPY": ".npy", b"PK\x03\x04": ".npz"}
TABLES = {b"PAR1": ".parquet"}
TEXTS = {"text/csv": ".csv", "text/tab-separated-values": ".tsv"}
PICTURES = (b"\x89PNG", b"\xff\xd8", b"RIFF", b"II", b"MM", b"SIMPLE", b"\x1f\x8b")
"""Bytes that files begin with: they say better what a file is than its name or the type that is stated."""

AT_ONCE = {"images": 1, "table": 4096}
"""Samples decoded before their number is counted."""


class UnknownType(SourceError):  # noqa: N818 - says what happened
    """A body of a kind that is not read here."""


@dataclass(frozen=True)
class Part:
    """A body, or one file of a multipart body, which an array is one image of and not a stack of them.

    media_type : as it was stated, in lower case, without parameters
    array : which array of an .npz, or which image column of a parquet file
    """

    content: bytes
    media_type: str = ""
    name: str = "body"
    array: str | None = None
    uploaded: bool = False

    @property
    def is_json(self) -> bool:
        """Whether it is stated to be JSON."""
        return self.media_type == JSON or self.media_type.endswith("+json")

    @property
    def is_picture(self) -> bool:
        """Whether it is an image in a format of images."""
        return self.content.startswith(PICTURES) or self.media_type.startswith("image/")

    @property
    def suffix(self) -> str:
        """The ending that a file of rows or of an array with this content would have, or the empty string."""
        by_content = (suffix for begin, suffix in (ARRAYS | TABLES).items() if self.content.startswith(begin))
        ending = PurePath(self.name).suffix.lower()
        by_name = ending if ending in TEXTS.values() else ""
        return next(by_content, TEXTS.get(self.media_type, by_name))


class Reader:
    """Reads bodies for one detector or classifier.

    most_values : numbers, pixels of a band or cells, that a request may hold once decoded or prepared
    """

    def __init__(self, estimator: "Detector | OpenSetClassifier", most_values: int) -> None:
        self._estimator = estimator
        self._model = estimator.model_
        self._most_values = most_values

    def samples(self, parts: Sequence[Part]) -> Batch:
        """The samples of a body, or of all files of a multipart body, raw as the estimator takes them.

        Errors
        ------
        SourceError that says in a sentence what cannot be read; SizeError and UnknownType are such.
        """
        batch, named = self._read(parts)
        data = self._estimator.raw(batch.data, named)
        self._require_room(len(data) * int(np.prod(self._model.preparation.shape)), "prepared")
        return Batch(batch.ids, data)

    def _read(self, parts: Sequence[Part]) -> tuple[Batch, bool]:
        """The samples, and whether the names of their columns mean something."""
        if parts and all(self._is_picture(part) for part in parts):
            return self._pictures(parts), True
        if len(parts) != 1:
            raise SourceError(f"{len(parts)} files were sent; send images, or one file of rows or of an array")
        (part,) = parts
        if part.is_json:
            return self._rows(part.content)
        if not part.suffix:
            raise UnknownType(
                f"a body of the type {part.media_type!r} is not read here; accepted are JSON rows (application/json),"
                " text/csv, parquet, npy, npz, images, and multipart/form-data with such files"
            )
        return self._file(part), part.suffix not in ARRAYS.values()

    def _is_picture(self, part: Part) -> bool:
        is_array = part.suffix in ARRAYS.values()
        return part.is_picture or (part.uploaded and is_array and self._model.kind == "images")

    def _pictures(self, parts: Sequence[Part]) -> Batch:
        """Images, one from each file."""
        images: list[NDArray[Any]] = []
        reading = self._reading(parts[0].array)
        for part in parts:
            images.append(read_picture(part.content, part.name, reading))
            first, last = images[0].shape, images[-1].shape
            if first != last:
                raise SchemaError(
                    f"{part.name} has {sizes(*last)}, {parts[0].name} has {sizes(*first)}; give images of one size"
                )
            self._require_room(sum(image.size for image in images), "decoded")
        return Batch([part.name for part in parts], np.stack(images))

    def _rows(self, content: bytes) -> tuple[Batch, bool]:
        """JSON rows: a list of objects by column, or of lists in the order of the columns."""
        if self._model.kind == "images":
            raise UnknownType("the model ranks images; send them as files, or as an array in npy or npz")
        try:
            told = json.loads(content)
        except (ValueError, RecursionError) as fault:
            raise SourceError(f"the body is not JSON ({fault})") from fault
        rows = told.get("rows") if isinstance(told, dict) else told
        if not isinstance(rows, list) or not rows:
            raise SourceError('JSON has to be {"rows": [...]} or a list, with at least one row')
        if all(isinstance(row, dict) for row in rows):
            names = list(dict.fromkeys(name for row in rows for name in row))
            self._require_room(len(rows) * len(names), "written out")
            table = pa.table({name: cells_of(name, [row.get(name) for row in rows]) for name in names})
            return self._named(self._typed(table)), True
        if not all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows):
            raise SourceError("rows have to be all objects by column, or all lists of the same length")
        columns = [cells_of(str(at), [row[at] for row in rows]) for at in range(len(rows[0]))]
        table = pa.Table.from_arrays(columns, [f"x{at}" for at in range(len(columns))])
        return Batch(names_of(len(rows)), table), False

    def _typed(self, table: pa.Table) -> pa.Table:
        """Columns in the types that they had in training, where nothing is lost by it: JSON has fewer types."""
        types = {column.name: column.type for column in self._model.preparation.columns}  # type: ignore[attr-defined]
        for at, name in enumerate(table.column_names):
            if name in types:
                with suppress(pa.ArrowException):
                    table = table.set_column(at, name, table[name].cast(types[name]))
        return table

    def _named(self, table: pa.Table) -> Batch:
        """Rows by the column that named them in training, where it is there, else by their number."""
        name = self._model.facts.get("id_column")
        column = name if name in table.column_names else None
        return Batch(row_ids(table, column, range(len(table)), Path("the body")), table)

    def _file(self, part: Part) -> Batch:
        """What `poleward score` would read from a file with this content."""
        with TemporaryDirectory(prefix="poleward-") as folder:
            path = Path(folder) / f"body{part.suffix}"
            path.write_bytes(part.content)
            try:
                return self._gathered(self._source(path, part.array))
            except SourceError as error:
                raise type(error)(str(error).replace(str(path), part.name)) from error

    def _source(self, path: Path, array: str | None) -> Source:
        reading, named = self._reading(array), self._model.facts.get("id_column")
        if named is not None:
            with suppress(SourceError):  # has no such column; whatever else is wrong is said below
                return open_source(path, selection=Selection(id_column=named), reading=reading)
        return open_source(path, reading=reading)

    def _gathered(self, source: Source) -> Batch:
        ids: list[str] = []
        parts: list[Any] = []
        n_values = 0
        for batch in source.batches(AT_ONCE[source.kind]):
            ids += batch.ids
            parts.append(batch.data)
            n_values += int(np.prod(batch.data.shape))
            self._require_room(n_values, "decoded")
        if source.kind == "table":
            return Batch(ids, pa.concat_tables(parts))
        return Batch(ids, np.concatenate(parts))

    def _reading(self, array: str | None) -> Reading:
        read = self._model.facts.get("reading", {})
        size = read.get("resize")
        return Reading(
            resize=None if size is None else parse_size(size),
            nodata=read.get("nodata"),
            array=array,
            most_values=self._most_values,
        )

    def _require_room(self, n_values: int, what: str) -> None:
        if n_values > self._most_values:
            raise SizeError(f"the request holds {n_values:,} values {what}; at most {self._most_values:,} are accepted")


def cells_of(name: str, cells: Sequence[Any]) -> pa.Array:
    """JSON values as the cells of one column; null is a missing cell.

    >>> cells_of("a", [1, 2.5, None]).type
    DataType(double)
    """
    try:
        column = pa.array(cells)
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as fault:
        raise SchemaError(
            f"column {name!r} holds values of several kinds ({fault}); give it numbers, or texts, or true and false"
        ) from fault
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column
