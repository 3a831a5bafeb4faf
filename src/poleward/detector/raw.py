"""Raw samples to fit to: as many as one likes, in memory or gone through again and again where they lie."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.source import Source
from poleward.data.spool import Spool
from poleward.detector.rows import SAMPLES_AT_A_TIME, runs, take
from poleward.errors import SourceError
from poleward.scoring.approximate import APPROXIMATE_FROM

MOST_ROWS = 2 * APPROXIMATE_FROM
"""Rows of a table that are held in memory, and that a preparation and a scorer learn from: 100,000."""

MOST_BYTES = 2 << 30
"""Of images: as many as have prepared pixels of this size are held and learned from, and not more than `MOST_ROWS`."""


@runtime_checkable
class Raw(Protocol):
    """Samples in an order, images (n, height, width, bands) or the rows of a table.

    kind : "images" or "table"
    most : of more samples than this, preparation and scorer learn from so many, see `most_samples`
    """

    @property
    def kind(self) -> str: ...  # noqa: D102 - told above
    @property
    def most(self) -> int: ...  # noqa: D102
    def __len__(self) -> int: ...

    def pieces(self) -> Iterator[Any]:
        """Go through all samples in order, some at a time."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Any:
        """The given rows, ascending, in memory."""
        ...


@dataclass(frozen=True)
class Held:
    """Samples in memory."""

    kind: str
    data: Any

    @property
    def most(self) -> int:
        """As for any samples of this kind and size."""
        return most_samples(self.kind, () if self.kind == "table" else self.data.shape[1:])

    def __len__(self) -> int:
        return len(self.data)

    def pieces(self) -> Iterator[Any]:
        """Runs of the data."""
        return runs(self.data, self.kind)

    def take(self, rows: NDArray[np.int64]) -> Any:
        """Rows of the data."""
        return take(self.data, rows)


@dataclass(frozen=True)
class Streamed:
    """Rows of a table that are read anew whenever they are gone through.

    n : how many there are; SourceError when a pass finds more or fewer
    read : begins a pass
    """

    n: int
    read: Callable[[], Iterator[pa.Table]]
    kind = "table"
    most = MOST_ROWS

    def __len__(self) -> int:
        return self.n

    def pieces(self) -> Iterator[pa.Table]:
        """One pass."""
        seen = 0
        for piece in self.read():
            seen += len(piece)
            yield piece
        if seen != self.n:
            raise SourceError(
                f"the source had {self.n:,} rows and now has {seen:,}; it must not change while it is read"
            )

    def take(self, rows: NDArray[np.int64]) -> pa.Table:
        """Rows found in one pass."""
        found, start = [], 0
        for piece in self.pieces():
            first, last = np.searchsorted(rows, [start, start + len(piece)])
            found.append(take(piece, rows[first:last] - start))
            start += len(piece)
        return pa.concat_tables(found)


@dataclass(frozen=True)
class Spooled:
    """Images in a file, in their own dtype."""

    spool: Spool
    kind = "images"

    @property
    def most(self) -> int:
        """As for any images of this size."""
        return most_samples("images", self.spool.shape)

    def __len__(self) -> int:
        return len(self.spool)

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Runs of the file."""
        size = SAMPLES_AT_A_TIME["images"]
        return (self.take(np.arange(at, min(at + size, len(self)))) for at in range(0, len(self), size))

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Rows of the file."""
        return self.spool[rows]


def most_samples(kind: str, sample_shape: tuple[int, ...]) -> int:
    """How many samples are held in memory and learned from beside the network.

    >>> most_samples("table", ()), most_samples("images", (64, 64, 3)), most_samples("images", (256, 256, 3))
    (100000, 43690, 2730)
    """
    if kind == "table":
        return MOST_ROWS
    return max(1, min(MOST_ROWS, MOST_BYTES // (4 * prod(sample_shape))))


def gathered(source: Source, on_read: Callable[[int, int | None], None]) -> Held | Streamed | Spooled:
    """All samples of a source: in memory when they are few, else a table where it lies, and images in a file."""
    return _gathered_rows(source, on_read) if source.kind == "table" else _gathered_images(source, on_read)


def _gathered_rows(source: Source, on_read: Callable[[int, int | None], None]) -> Held | Streamed:
    total, n, held = source.count(), 0, list[Any]()
    for batch in source.batches(SAMPLES_AT_A_TIME["table"]):
        n += len(batch.data)
        held = [] if n > MOST_ROWS else [*held, batch.data]
        if n > MOST_ROWS and total is not None:
            n = total
            break
        on_read(n, total)
    if held:
        return Held("table", pa.concat_tables(held))
    return Streamed(n, lambda: (batch.data for batch in source.batches(SAMPLES_AT_A_TIME["table"])))


def _gathered_images(source: Source, on_read: Callable[[int, int | None], None]) -> Held | Spooled:
    total, n, held = source.count(), 0, list[NDArray[Any]]()
    spool: Spool | None = None
    for batch in source.batches(SAMPLES_AT_A_TIME["images"]):
        images = np.asarray(batch.data)
        n += len(images)
        if spool is None and n > most_samples("images", images.shape[1:]):
            spool = Spool(images.shape[1:], images.dtype, total or 0)
            for part in held:
                spool.append(part)
            held = []
        if spool is None:
            held.append(images)
        else:
            spool.append(images)
        on_read(n, total)
    return Held("images", np.concatenate(held)) if spool is None else Spooled(spool)
