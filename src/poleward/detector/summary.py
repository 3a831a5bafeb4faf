"""A few numbers for each prepared sample, in which a stream may move: its columns, or every band's mean and spread."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poleward.records import Block, Features

MOST_KEPT = 1000
"""Calibration samples, at most, whose numbers a model keeps."""

UNOBSERVED = -np.inf
"""Stands for a cell that was not observed, so that their share counts as well."""


def names(blocks: Sequence[Block], kind: str) -> list[str]:
    """What the numbers are called, in their order.

    >>> names([Block("R", "numeric", 0, 1)], "images")
    ['mean of R', 'spread of R']
    """
    if kind == "table":
        return [block.name for block in blocks]
    return [f"{what} of {block.name}" for what in ("mean", "spread") for block in blocks]


def summary(features: Features, blocks: Sequence[Block]) -> NDArray[np.float64]:
    """(n, columns) values of the columns, a category as its number; or (n, 2 bands) of images, over observed pixels."""
    values = np.asarray(features.values, np.float64)
    seen = np.ones(values.shape, bool) if features.observed is None else features.observed
    if values.ndim == 2:
        columns = [_column(values, seen, block) for block in blocks]
        return np.stack(columns, axis=1) if columns else np.empty((len(values), 0))
    pixels, observed = (array.reshape(*array.shape[:2], -1) for array in (values, seen))
    count = observed.sum(axis=2)
    safe = np.maximum(count, 1)
    mean = (pixels * observed).sum(axis=2) / safe
    spread = np.sqrt((np.square(pixels - mean[:, :, None]) * observed).sum(axis=2) / safe)
    return np.where(np.tile(count, 2) > 0, np.concatenate([mean, spread], axis=1), UNOBSERVED)


def _column(values: NDArray[np.float64], seen: NDArray[np.bool_], block: Block) -> NDArray[np.float64]:
    cells = values[:, block.start : block.start + block.width]
    told = cells[:, 0] if block.kind == "numeric" else cells.argmax(axis=1)
    return np.where(seen[:, block.start], told, UNOBSERVED)
