"""Files on disk -> batches of samples, selected and checked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.data import arrays, pictures, tables
from poleward.data.arrays import ArrayPictures, ArrayRows, open_arrays
from poleward.data.folder import FolderPictures
from poleward.data.reading import Pictures, Reading, Rows, listed
from poleward.data.remote import local
from poleward.data.selection import Selection, picks
from poleward.data.tables import (
    DelimitedRows,
    ParquetPictures,
    ParquetRows,
    open_rows,
    picture_columns,
    require_parquet_within,
)
from poleward.errors import SettingError, SourceError

ImageReader = FolderPictures | ArrayPictures | ParquetPictures
RowReader = ArrayRows | DelimitedRows | ParquetRows
ROWS_AT_ONCE = {"images": 256, "table": 4096}


@dataclass(frozen=True)
class Batch:
    """Some consecutive samples.

    ids : one name per sample
    data : images (n, height, width, bands) in the files' own dtype, or the rows of a table
    """

    ids: list[str]
    data: NDArray[Any] | pa.Table


@runtime_checkable
class Source(Protocol):
    """Samples that can be gone through in batches, as often as one likes."""

    @property
    def kind(self) -> Literal["images", "table"]:
        """Tell whether batches hold images or rows."""
        ...

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """Return (id, reason) of the damaged images that the last pass left out."""
        ...

    def count(self) -> int | None:
        """Return the number of samples, damaged ones included, or None while it is not known."""
        ...

    def batches(self, size: int) -> Iterator[Batch]:
        """Go through all samples in order, ``size`` at a time; the last batch may be smaller."""
        ...


def open_source(path: str | Path, *, selection: Selection | None = None, reading: Reading | None = None) -> Source:
    """Open a folder of images, or a .npy, .npz, .zarr, .csv, .tsv or .parquet file, here or at an address (`remote`).

    Raises SourceError when the path is missing or of no accepted kind, and when the selection asks for columns that
    are not there; where ids are known without reading the samples, also when it selects nothing.
    """
    selection, reading = selection or Selection(), reading or Reading()
    reader = open_reader(local(path), selection, reading)
    if isinstance(reader, RowReader):
        return SelectedRows(reader, selection)
    return SelectedPictures(reader, selection, reading)


def open_reader(path: Path, selection: Selection, reading: Reading) -> ImageReader | RowReader:
    """Open what lies at the path, before any sample is selected."""
    if selection.catalogue is not None and not path.is_dir():
        raise SettingError(f"{path} is not a folder of images; only such a folder has a catalogue")
    if not path.exists():
        raise SourceError(f"{path}: there is no such file or folder")
    if path.is_dir() and path.suffix.lower() != arrays.ZARR:
        return FolderPictures(path, selection, reading)
    if path.suffix.lower() in arrays.SUFFIXES:
        return open_arrays(path, reading, selection.id_column)
    if path.suffix.lower() == ".parquet":
        return _open_parquet(path, selection, reading)
    if tables.table_suffix(path):
        return open_rows(path, selection.id_column)
    if pictures.picture_suffix(path.name):
        raise SourceError(f"{path}: is a single image; name the folder that holds it")
    accepted = ", ".join((*arrays.SUFFIXES, *tables.SUFFIXES))
    raise SourceError(f"{path}: is of no known kind; accepted are a folder of images and files ending in {accepted}")


def read_whole(source: Source, on_read: Callable[[int, int | None], None] | None = None) -> Batch:
    """Read all samples into one batch; ``on_read`` is called with (samples read, samples in all or None)."""
    batches, ids, total = [], list[str](), source.count()
    for batch in source.batches(ROWS_AT_ONCE[source.kind]):
        batches.append(batch)
        ids += batch.ids
        if on_read is not None:
            on_read(len(ids), total)
    parts: list[Any] = [batch.data for batch in batches]
    if source.kind == "table":
        return Batch(ids, pa.concat_tables(parts))
    return Batch(ids, np.concatenate(parts))


class SelectedPictures:
    """The selected images of a reader; all have the same height, width, bands and dtype."""

    kind: Literal["images"] = "images"

    def __init__(self, reader: ImageReader, selection: Selection, reading: Reading) -> None:
        if selection.columns or selection.exclude:
            raise SettingError(f"{reader.path} holds images; only a table has columns to choose or exclude")
        self.reader = reader
        self.selection = selection
        self.reading = reading
        self.skipped: list[tuple[str, str]] = []
        _check_where(reader, selection)
        self._n_selected = _count(reader, selection)

    def count(self) -> int | None:
        """Return the number of selected images, or None while it is not known."""
        return self._n_selected

    def batches(self, size: int) -> Iterator[Batch]:
        """Go through the selected images in order."""
        self.skipped = []
        waiting: list[tuple[str, NDArray[Any]]] = []
        first: tuple[str, NDArray[Any]] | None = None
        for name, image in self._images():
            first = first or (name, image)
            _check_alike(first, (name, image), self.reader.path)
            waiting.append((name, image))
            if len(waiting) == size:
                yield _stacked(waiting)
                waiting = []
        if waiting:
            yield _stacked(waiting)
        if first is None:
            raise SourceError(f"{self.reader.path}: no image can be read; {self.skipped[0][1]}")

    def _images(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for chunk, positions in picks(self.selection, self.reader.chunks(), self.reader.path):
            for position in positions:
                image = self._image(chunk, int(position))
                if image is not None:
                    yield chunk.ids[position], image

    def _image(self, chunk: Pictures, position: int) -> NDArray[Any] | None:
        try:
            return chunk.picture(position)
        except SourceError as fault:
            if self.reading.on_error == "stop":
                raise
            self.skipped.append((chunk.ids[position], str(fault)))
            return None


class SelectedRows:
    """The selected rows and columns of a reader; the id column is not among them."""

    kind: Literal["table"] = "table"
    skipped: Sequence[tuple[str, str]] = ()

    def __init__(self, reader: RowReader, selection: Selection) -> None:
        self.reader = reader
        self.selection = selection
        self.names = _chosen_columns(reader, selection)
        _check_where(reader, selection)
        self._n_selected = _count(reader, selection)

    def count(self) -> int | None:
        """Return the number of selected rows, or None while it is not known."""
        return self._n_selected

    def batches(self, size: int) -> Iterator[Batch]:
        """Go through the selected rows in order."""
        ids: list[str] = []
        rows: list[pa.Table] = []
        for chunk, positions in picks(self.selection, self.reader.chunks(), self.reader.path):
            ids += [chunk.ids[position] for position in positions]
            rows.append(self._taken(chunk, positions))
            if len(ids) >= size:
                full = len(ids) - len(ids) % size
                table = pa.concat_tables(rows)
                yield from (Batch(ids[at : at + size], table.slice(at, size)) for at in range(0, full, size))
                ids, rows = ids[full:], [table.slice(full)]
        if ids:
            yield Batch(ids, pa.concat_tables(rows))

    def _taken(self, chunk: Rows, positions: NDArray[np.intp]) -> pa.Table:
        return chunk.take(positions).select(self.names)


def _open_parquet(path: Path, selection: Selection, reading: Reading) -> ParquetPictures | ParquetRows:
    if reading.most_values is not None:
        require_parquet_within(path, reading)
    columns = picture_columns(path)
    if reading.array is not None and reading.array not in columns:
        held = f"such columns are {', '.join(columns)}" if columns else "it has no such column"
        raise SourceError(f"{path}: column {reading.array!r} does not hold image bytes; {held}")
    if not columns:
        return ParquetRows(path, selection.id_column)
    if len(columns) > 1 and reading.array is None:
        raise SourceError(f"{path}: columns {', '.join(columns)} all hold bytes; name the images' one with --array")
    return ParquetPictures(path, reading.array or columns[0], reading, selection.id_column)


def _count(reader: ImageReader | RowReader, selection: Selection) -> int | None:
    if reader.indexed:
        return sum(len(positions) for _, positions in picks(selection, reader.chunks(), reader.path))
    total = reader.count()
    if total is None or selection.narrows:
        return None
    return total if selection.limit is None else min(total, selection.limit)


def _check_where(reader: ImageReader | RowReader, selection: Selection) -> None:
    for name, _ in selection.where:
        if name not in reader.columns:
            known = f"known are {listed(reader.columns)}" if reader.columns else "no column is known beside the data"
            raise SourceError(f"{reader.path}: --where asks for column {name!r}; {known}")


def _chosen_columns(reader: RowReader, selection: Selection) -> list[str]:
    unknown = [name for name in (*selection.columns, *selection.exclude) if name not in reader.features]
    if unknown:
        raise SourceError(f"{reader.path}: has no column {unknown[0]!r}; its columns are {listed(reader.features)}")
    wanted = selection.columns or reader.features
    left_out = {*selection.exclude, selection.id_column}
    chosen = [name for name in reader.features if name in wanted and name not in left_out]
    if not chosen:
        raise SourceError(f"{reader.path}: no column is left; choose or keep at least one that is not the id")
    return chosen


def _check_alike(first: tuple[str, NDArray[Any]], other: tuple[str, NDArray[Any]], path: Path) -> None:
    if first[1].shape != other[1].shape or first[1].dtype != other[1].dtype:
        raise SourceError(
            f"{path}: {other[0]} is {_described(other[1])} but {first[0]} is {_described(first[1])}; "
            "all images have one size, band count and depth; --resize HxW brings them to one size"
        )


def _described(image: NDArray[Any]) -> str:
    height, width, bands = image.shape
    return f"{height}x{width} with {bands} band{'s' if bands > 1 else ''} of {image.dtype}"


def _stacked(images: Sequence[tuple[str, NDArray[Any]]]) -> Batch:
    return Batch([name for name, _ in images], np.stack([image for _, image in images]))
