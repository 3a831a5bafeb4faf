"""Rows of raw samples, an image array (n, height, width, bands) or a table alike."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.preparation import Preparation
from poleward.errors import SourceError
from poleward.records import Features

FEWEST_SAMPLES = 4
"""Of a fit: two to train on, with a neighbour each, and one to calibrate with at the least."""

SAMPLES_AT_A_TIME = {"images": 512, "table": 4096}
"""Raw samples prepared at a time."""


def take(data: Any, rows: NDArray[np.int64]) -> Any:
    """The given rows, in the given order."""
    return data.take(pa.array(rows)) if isinstance(data, pa.Table) else data[rows]


def runs(data: Any, kind: str) -> Iterator[Any]:
    """The rows in order, some at a time.

    >>> [len(run) for run in runs(np.zeros((600, 2, 2, 1)), "images")]
    [512, 88]
    """
    size = SAMPLES_AT_A_TIME[kind]
    for start in range(0, len(data), size):
        yield data.slice(start, size) if isinstance(data, pa.Table) else data[start : start + size]


def joined(parts: Sequence[Any]) -> Any:
    """Several runs as one."""
    return pa.concat_tables(parts) if isinstance(parts[0], pa.Table) else np.concatenate(parts)


def alike(one: Any, other: Any) -> bool:
    """Whether two runs can be joined.

    >>> alike(np.zeros((2, 8, 8, 3)), np.zeros((1, 8, 8, 3))), alike(pa.table({"a": [1]}), pa.table({"a": [1.5]}))
    (True, False)
    """
    if isinstance(one, pa.Table) or isinstance(other, pa.Table):
        return isinstance(one, pa.Table) and isinstance(other, pa.Table) and bool(one.schema.equals(other.schema))
    return one.dtype == other.dtype and one.shape[1:] == other.shape[1:]


def prepared_runs(preparation: Preparation, data: Any) -> Iterator[Features]:
    """The rows in order, some at a time, prepared.

    Errors
    ------
    SourceError for a sample in which nothing was observed: no score would mean anything.
    """
    return prepared_pieces(preparation, runs(data, preparation.kind))


def prepared_pieces(preparation: Preparation, pieces: Iterable[Any]) -> Iterator[Features]:
    """`prepared_runs` of what was cut into pieces before; a fault of any but the first says where that piece begins."""
    done = 0
    for piece in pieces:
        try:
            features = preparation.encode(piece)
        except SourceError as error:
            raise type(error)(f"from sample {done + 1:,} on, {error}" if done else str(error)) from error
        require_content(features, done)
        done += len(features)
        yield features


def require_content(features: Features, before: int) -> None:
    """SourceError that names the first sample without any observed cell; ``before`` samples came earlier."""
    if features.observed is None:
        return
    empty = np.flatnonzero(~features.observed.reshape(len(features), -1).any(axis=1))
    if len(empty):
        raise SourceError(
            f"sample {before + empty[0] + 1} holds no value at all, so nothing can be said of it; leave it out"
        )
