"""Rows of raw samples, an image array (n, height, width, bands) or a table alike."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SAMPLES_AT_A_TIME = {"images": 512, "table": 16_384}
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
