"""What a correction may change, and what is known of the cells beforehand."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from jaxtyping import Bool
from numpy.typing import NDArray

from poleward.correction.rules import Rules
from poleward.data.reading import listed
from poleward.data.tables import read_table, table_suffix
from poleward.errors import SettingError

STATES = ("wrong", "trusted")


@dataclass(frozen=True)
class Constraints:
    """What a correction may change, and what is known beforehand.

    changeable : only these columns may change; None for all
    protected : these columns may not
    trusted, wrong : (n, columns) or (n, height, width, bands) bool, cells known to be right, which stay and support
        the others, and cells known to be wrong, which support none; None for no such cell
    rules : what the user knows of the table
    max_changes : at most so many cells are changed in all, the ones most surely wrong; None for any number
    """

    changeable: tuple[str, ...] | None = None
    protected: tuple[str, ...] = ()
    trusted: NDArray[np.bool_] | None = None
    wrong: NDArray[np.bool_] | None = None
    rules: Rules | None = None
    max_changes: int | None = None

    def __post_init__(self) -> None:
        if self.max_changes is not None and self.max_changes < 0:
            raise SettingError(f"max_changes is {self.max_changes}; it is at least 0")
        if self.trusted is not None and self.wrong is not None:
            require_apart(self.wrong, self.trusted)

    def check(self, columns: Sequence[str], shape: tuple[int, ...]) -> None:
        """SettingError for a column that the samples do not have, or a mask of another shape.

        columns : of the table, or names of the bands
        shape : (n, columns) of the table, or (n, height, width, bands)
        """
        unknown = [name for name in (*(self.changeable or ()), *self.protected) if name not in columns]
        if unknown:
            raise SettingError(f"there is no column {unknown[0]!r} to change or protect; columns are {listed(columns)}")
        for state, mask in (("trusted", self.trusted), ("wrong", self.wrong)):
            if mask is not None and mask.shape != shape:
                raise SettingError(f"the mask of {state} cells has shape {mask.shape}; the samples have {shape}")
        if self.rules is not None:
            self.rules.check(columns)

    def may_change(self, columns: Sequence[str]) -> Bool[np.ndarray, " columns"]:
        """Tell which columns may change.

        >>> Constraints(changeable=("a", "b"), protected=("b",)).may_change(["a", "b", "c"]).tolist()
        [True, False, False]
        """
        wanted = columns if self.changeable is None else self.changeable
        return np.array([name in wanted and name not in self.protected for name in columns], bool)

    def rows(self, start: int, stop: int) -> "Constraints":
        """Return the constraints of a run of rows; ``max_changes`` is then that of the run."""
        return replace(
            self,
            trusted=None if self.trusted is None else self.trusted[start:stop],
            wrong=None if self.wrong is None else self.wrong[start:stop],
        )


@runtime_checkable
class Mask(Protocol):
    """Cells known to be wrong and cells that are trusted, of a source that is read piece by piece."""

    def piece(self, start: int, ids: Sequence[str], columns: Sequence[str], shape: tuple[int, ...]) -> "Marked":
        """Return the cells of consecutive samples.

        start : number of the first one
        shape : of the piece, (n, columns) or (n, height, width, bands)

        Errors
        ------
        SettingError : a column that the table does not have, or arrays of another shape
        """
        ...

    def finish(self, n_samples: int) -> None:
        """SettingError where something of the mask did not belong to any of the samples."""
        ...


Marked = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""Wrong and trusted cells."""


@dataclass(frozen=True)
class CellList:
    """Cells by id and column."""

    path: Path
    cells: Mapping[str, Mapping[str, str]]
    met: set[str] = field(default_factory=set)

    def piece(self, start: int, ids: Sequence[str], columns: Sequence[str], shape: tuple[int, ...]) -> Marked:
        """Return the cells of consecutive samples; see ``Mask``."""
        if len(shape) != 2:
            raise SettingError(f"{self.path}: names cells of a table; the mask of images is an npz")
        places = {name: place for place, name in enumerate(columns)}
        marked = {state: np.zeros(shape, bool) for state in STATES}
        for row, name in enumerate(ids):
            for column, state in self.cells.get(name, {}).items():
                if column not in places:
                    raise SettingError(f"{self.path}: has a column {column!r}; the source's are {listed(columns)}")
                marked[state][row, places[column]] = True
        self.met.update(name for name in ids if name in self.cells)
        return marked["wrong"], marked["trusted"]

    def finish(self, n_samples: int) -> None:
        """SettingError for an id that no sample has."""
        lost = [name for name in self.cells if name not in self.met]
        if lost:
            raise SettingError(f"{self.path}: {len(lost)} ids are not in the source: {listed(lost, most=3)}")


@dataclass(frozen=True)
class CellArrays:
    """Cells as arrays of the source's shape; images may leave out the bands."""

    path: Path
    arrays: Mapping[str, NDArray[np.bool_]]

    def piece(self, start: int, ids: Sequence[str], columns: Sequence[str], shape: tuple[int, ...]) -> Marked:
        """Return the cells of consecutive samples; see ``Mask``."""
        wrong, trusted = (self._cut(state, start, shape) for state in STATES)
        return wrong, trusted

    def finish(self, n_samples: int) -> None:
        """SettingError for arrays of more samples than there are."""
        for state, array in self.arrays.items():
            if len(array) != n_samples:
                raise SettingError(f"{self.path}: {state} has {len(array)} samples; the source has {n_samples}")

    def _cut(self, state: str, start: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        if state not in self.arrays:
            return np.zeros(shape, bool)
        array = self.arrays[state]
        part = array[start : start + shape[0]]
        if len(shape) == 4 and part.ndim == 3:
            part = np.repeat(part[..., None], shape[3], axis=3)
        if part.shape != shape:
            raise SettingError(
                f"{self.path}: {state} has shape {array.shape}; the source's samples have shape {shape[1:]}, "
                f"and there are at least {start + shape[0]}"
            )
        return part


def read_mask(path: Path) -> Mask:
    """Read which cells are known to be wrong and which are trusted.

    A csv or parquet table of the columns ``id``, ``column`` and ``state`` has one line for each such cell; its id is
    that of the row (the row's number, from 0, where the source has no ids), its state ``wrong`` or ``trusted``. An
    .npz has the bool arrays ``wrong`` or ``trusted`` or both, (n, columns) or (n, height, width) or (n, height, width,
    bands).

    Errors
    ------
    SettingError : the file has another form
    SourceError : it cannot be read
    """
    if path.suffix.lower() == ".npz":
        return CellArrays(path, _arrays(path))
    if not table_suffix(path):
        raise SettingError(f"{path}: a mask is an npz, csv or parquet file")
    return CellList(path, _cells(path, read_table(path)))


def require_apart(wrong: NDArray[np.bool_], trusted: NDArray[np.bool_]) -> None:
    """SettingError for a cell that is both."""
    if wrong.shape == trusted.shape and (wrong & trusted).any():
        place = tuple(np.argwhere(wrong & trusted)[0].tolist())
        raise SettingError(f"the cell at {place} is marked both wrong and trusted; choose one")


def _arrays(path: Path) -> dict[str, NDArray[np.bool_]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as fault:
        raise SettingError(f"{path}: cannot be read as an npz ({' '.join(str(fault).split())})") from fault
    found = ", ".join(f"{name} of {array.dtype}" for name, array in arrays.items()) or "nothing"
    if not arrays or not set(arrays) <= set(STATES) or any(array.dtype != bool for array in arrays.values()):
        raise SettingError(f"{path}: holds {found}; accepted are bool arrays called {' and '.join(STATES)}")
    if len(arrays) == len(STATES):
        require_apart(arrays["wrong"], arrays["trusted"])
    return arrays


def _cells(path: Path, table: pa.Table) -> dict[str, dict[str, str]]:
    missing = [name for name in ("id", "column", "state") if name not in table.column_names]
    if missing:
        raise SettingError(f"{path}: lacks the column {missing[0]!r}; a mask has the columns id, column and state")
    cells: dict[str, dict[str, str]] = {}
    columns = (table.column(name).cast(pa.string()).to_pylist() for name in ("id", "column", "state"))
    for line, (name, column, state) in enumerate(zip(*columns, strict=True), start=1):
        if name is None or column is None or state not in STATES:
            raise SettingError(f"{path}: line {line} is {name}, {column}, {state}; a state is {' or '.join(STATES)}")
        if cells.setdefault(name, {}).setdefault(column, state) != state:
            raise SettingError(f"{path}: column {column!r} of {name} is marked both wrong and trusted; choose one")
    return cells
