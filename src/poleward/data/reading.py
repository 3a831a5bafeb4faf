"""How files are read, and what their readers give: chunks of samples, with ids and columns to select by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.errors import SettingError, SizeError

BYTES_PER_VALUE = 8
"""A longer item, a text, counts as several values."""


@dataclass(frozen=True)
class Reading:
    """How files become arrays.

    resize : (height, width) in pixels that every image is resampled to, or None to keep its size
    nodata : pixel value that means "not observed"; resampling keeps such pixels apart from the others
    on_error : what a damaged image does: ``"stop"`` raises, ``"skip"`` leaves it out and names it
    array : which array of an .npz, or which image column of a parquet file
    most_values : numbers that an image, or the array or parquet file of all samples, may hold once it is decoded; asked
        before anything is decoded; None for as many as there are
    """

    resize: tuple[int, int] | None = None
    nodata: float | None = None
    on_error: Literal["stop", "skip"] = "stop"
    array: str | None = None
    most_values: int | None = None

    def __post_init__(self) -> None:
        if self.on_error not in ("stop", "skip"):
            raise SettingError(f"on-error is {self.on_error!r}; accepted are 'stop' and 'skip'")
        if self.resize is not None and min(self.resize) < 1:
            raise SettingError(f"resize is {self.resize}; height and width are at least 1 pixel")

    def allow(self, shape: Sequence[int], itemsize: int = BYTES_PER_VALUE) -> None:
        """SizeError for an array of this shape, and bytes for each item, that would hold too many values."""
        n_values = prod(map(int, shape)) * -(-itemsize // BYTES_PER_VALUE)
        if self.most_values is not None and n_values > self.most_values:
            raise SizeError(f"holds {n_values:,} values once decoded; at most {self.most_values:,} are accepted")


def parse_size(text: str) -> tuple[int, int]:
    """Height and width in pixels.

    >>> parse_size("64x48")
    (64, 48)
    """
    height, sign, width = text.lower().partition("x")
    if not (sign and height.isdigit() and width.isdigit()):
        raise SettingError(f"--resize is {text!r}; write it as HEIGHTxWIDTH, for example 64x64")
    return int(height), int(width)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Write names for an error, the first ones if they are many.

    >>> listed(["a", "b", "c"], most=2)
    'a, b, ... (3 in all)'
    """
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])}, ... ({len(names)} in all)"


@dataclass(frozen=True)
class Chunk:
    """A run of consecutive samples before selection; ``columns`` has one row per id."""

    ids: Sequence[str]
    columns: pa.Table


@dataclass(frozen=True)
class Rows(Chunk):
    """Table rows; ``take(positions)`` reads those of the chunk."""

    take: Callable[[NDArray[np.intp]], pa.Table]


@dataclass(frozen=True)
class Pictures(Chunk):
    """Images; ``picture(position)`` reads one as (height, width, bands)."""

    picture: Callable[[int], NDArray[Any]]
