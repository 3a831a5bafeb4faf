"""NumPy and zarr files of many samples: (n, d) -> table rows; (n, height, width), or with a bands axis, -> images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.pictures import array_header, bands_last, prepared, quiet
from poleward.data.reading import Pictures, Reading, Rows, listed
from poleward.data.tables import row_ids
from poleward.errors import SourceError

ZARR = ".zarr"
SUFFIXES = (".npy", ".npz", ZARR)
USUAL_NAMES = ("X", "x", "images", "data", "X_train", "x_train")
BYTES_PER_CHUNK = 1 << 22


def open_arrays(path: Path, reading: Reading, id_column: str | None = None) -> "ArrayRows | ArrayPictures":
    """Open a .npy (memory-mapped) or the chosen array of an .npz.

    Other one-dimensional arrays of the same length become columns that a selection or a truth may ask for.
    id_column : which of them names the samples; None names them by their number, from 0
    """
    with _faults_named(path):
        stack = {".npy": _mapped, ".npz": _archived, ZARR: _chunked}[path.suffix.lower()](path, reading)
    if id_column is not None and id_column not in stack.companions:
        raise SourceError(f"{path}: has no array {id_column!r} to take ids from; {_listed(stack.companions)}")
    if len(stack.shape) == 2:
        return ArrayRows(path, stack, id_column)
    if len(stack.shape) in (3, 4):
        return ArrayPictures(path, stack, id_column, reading)
    raise SourceError(
        f"{path}: holds an array of shape {stack.shape}; "
        "accepted are (n, d), (n, height, width), (n, height, width, bands) and (n, bands, height, width)"
    )


@dataclass(frozen=True)
class Stack:
    """One array of samples and the one-dimensional arrays beside it.

    read : gives the array; a memory-mapped one anew each time, so that pages already seen are let go
    """

    read: Callable[[], NDArray[Any]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    companions: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def parts(self, id_column: str | None, path: Path) -> Iterator[tuple[int, NDArray[Any], list[str], pa.Table]]:
        """Cut the array into runs of about 4 MiB: (first row, samples, ids, companions)."""
        n_rows = max(1, BYTES_PER_CHUNK // max(1, int(np.prod(self.shape[1:])) * self.dtype.itemsize))
        for start in range(0, self.shape[0], n_rows):
            samples = self.read()[start : start + n_rows]
            rows = range(start, start + len(samples))
            columns = pa.table({name: pa.array(values[start : rows.stop]) for name, values in self.companions.items()})
            yield start, samples, row_ids(columns, id_column, rows, path), columns


class ArrayRows:
    """An (n, d) array as a table of columns x0 ... x{d-1}."""

    indexed = True

    def __init__(self, path: Path, stack: Stack, id_column: str | None = None) -> None:
        self.path = path
        self.stack = stack
        self.id_column = id_column
        self.columns = tuple(stack.companions)

    @cached_property
    def features(self) -> Sequence[str]:
        """Names of the d columns."""
        return tuple(f"x{number}" for number in range(self.stack.shape[1]))

    def chunks(self) -> Iterator[Rows]:
        """Read the array from its start; rows are copied when they are asked for."""
        for _, samples, ids, columns in self.stack.parts(self.id_column, self.path):

            def take(positions: NDArray[np.intp], samples: NDArray[Any] = samples) -> pa.Table:
                return self._table(samples[positions])

            yield Rows(ids, columns, take)

    def count(self) -> int:
        """Return the number of rows."""
        return self.stack.shape[0]

    def _table(self, samples: NDArray[Any]) -> pa.Table:
        columns = np.ascontiguousarray(_native(samples).T)
        return pa.table({name: pa.array(column) for name, column in zip(self.features, columns, strict=True)})


class ArrayPictures:
    """An (n, height, width) array, or one with bands on axis 1 or last: the shorter of the two, in a tie the last."""

    indexed = True
    features = ()

    def __init__(self, path: Path, stack: Stack, id_column: str | None, reading: Reading) -> None:
        self.path = path
        self.stack = stack
        self.id_column = id_column
        self.reading = reading
        self.columns = tuple(stack.companions)

    def chunks(self) -> Iterator[Pictures]:
        """Read the array from its start; an image is copied when it is asked for."""
        for start, samples, ids, columns in self.stack.parts(self.id_column, self.path):
            images = bands_last(samples, 1) if samples.ndim == 4 else samples

            def picture(position: int, start: int = start, images: NDArray[Any] = images) -> NDArray[Any]:
                return prepared(np.asarray(images[position]), f"{self.path}, row {start + position}", self.reading)

            yield Pictures(ids, columns, picture)

    def count(self) -> int:
        """Return the number of images."""
        return self.stack.shape[0]


def _mapped(path: Path, reading: Reading) -> Stack:
    def read() -> NDArray[Any]:
        with quiet():
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array

    array = read()
    reading.allow(array.shape, array.dtype.itemsize)
    return Stack(read, array.shape, array.dtype)


def _archived(path: Path, reading: Reading) -> Stack:
    with (
        quiet(),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):  # np.load leaves a damaged file open
        shapes = _headers(archive)
        name = _chosen(shapes, reading.array, path)
        for shape, dtype in shapes.values():
            reading.allow(shape, dtype.itemsize)
        array = archive[name]
        beside = [
            other for other, (shape, dtype) in shapes.items() if shape == array.shape[:1] and dtype.kind in "biufU"
        ]
        companions = {other: _native(archive[other]) for other in beside if other != name}
    return Stack(lambda: array, array.shape, array.dtype, companions)


def _chunked(path: Path, reading: Reading) -> Stack:
    """An array of a zarr, read chunk by chunk; one-dimensional ones beside it lie in memory."""
    try:
        import zarr
    except ImportError as fault:
        raise SourceError(f'{path}: reading it needs zarr; run: pip install "poleward[zarr]"') from fault
    found: Any = zarr.open(path, mode="r")
    if hasattr(found, "shape"):
        return Stack(lambda: found, found.shape, found.dtype)
    members: dict[str, Any] = {name: one for name, one in found.members() if isinstance(one, zarr.Array)}
    name = _chosen({name: (one.shape, one.dtype) for name, one in members.items()}, reading.array, path)
    array = members.pop(name)
    beside = {other: one for other, one in members.items() if one.shape == array.shape[:1]}
    companions = {other: np.asarray(one[:]) for other, one in beside.items() if one.dtype.kind in "biufU"}
    return Stack(lambda: array, array.shape, array.dtype, companions)


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def chosen_array(path: Path, wanted: str | None) -> str:
    """Return the name of the array that ``open_arrays`` takes from an .npz."""
    with np.load(path, allow_pickle=False) as archive:
        return _chosen(_headers(archive), wanted, path)


def _headers(archive: Any) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    headers = {}
    for name in archive.files:
        with archive.zip.open(f"{name}.npy") as file:
            headers[name] = array_header(file)
    return headers


def _chosen(shapes: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]], wanted: str | None, path: Path) -> str:
    usual = [name for name in USUAL_NAMES if name in shapes]
    candidates = [wanted] if wanted is not None else list(shapes) if len(shapes) == 1 else usual
    if candidates and candidates[0] in shapes:
        return candidates[0]
    found = ", ".join(f"{name} {shape}" for name, (shape, _) in shapes.items()) or "no array"
    lacks = "none has a usual name" if wanted is None else f"none is called {wanted!r}"
    raise SourceError(f"{path}: holds {found}; {lacks}; name one with --array")


def _listed(companions: Mapping[str, NDArray[Any]]) -> str:
    return (
        f"arrays beside the samples: {listed(list(companions))}" if companions else "no array lies beside the samples"
    )


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (SourceError, MemoryError):
        raise
    except Exception as fault:  # NumPy and zipfile raise almost anything for damaged bytes
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise SourceError(f"{path}: cannot be read as a NumPy file ({reason})") from fault
