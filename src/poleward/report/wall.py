"""All images at a glance: thumbnails by rank, on sheets that a browser decodes when they come into view."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.report.thumbnails import THUMBNAIL, jpeg_uri, thumbnail

COLUMNS, ROWS = 12, 16
"""Thumbnails on a sheet."""


@dataclass(frozen=True)
class Sheet:
    """Some thumbnails as one picture, row by row.

    first, last : ranks, from 1
    """

    first: int
    last: int
    uri: str
    width: int
    height: int


class Wall:
    """Keeps the thumbnails of the most anomalous images of a source.

    most : how many
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._scores = np.empty(0)
        self._pictures = np.empty((0, THUMBNAIL, THUMBNAIL, 3), np.uint8)

    def add(self, images: NDArray[Any], scores: NDArray[np.float64]) -> None:
        """Go through some more images (n, height, width, bands) and their scores (n,)."""
        bar = self._scores.min() if len(self._scores) >= self.most else -np.inf
        new = np.flatnonzero(scores > bar)
        if not len(new):
            return
        pictures = np.stack([thumbnail(images[row]) for row in new])
        together = np.concatenate([self._scores, scores[new]])
        kept = np.argsort(-together, kind="stable")[: self.most]
        self._scores = together[kept]
        self._pictures = np.concatenate([self._pictures, pictures])[kept]

    def thumbnails(self) -> NDArray[np.uint8]:
        """(m, side, side, 3), worst first."""
        return self._pictures


def sheets(thumbnails: NDArray[np.uint8]) -> Iterator[Sheet]:
    """The thumbnails (m, side, side, 3) on sheets of `ROWS` x `COLUMNS`; the last one may be shorter."""
    for start in range(0, len(thumbnails), ROWS * COLUMNS):
        some = thumbnails[start : start + ROWS * COLUMNS]
        pixels = _joined(some)
        yield Sheet(start + 1, start + len(some), jpeg_uri(pixels), pixels.shape[1], pixels.shape[0])


def _joined(some: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = some.shape[1]
    rows = -(-len(some) // COLUMNS)
    padded = np.zeros((rows * COLUMNS, side, side, 3), np.uint8)
    padded[: len(some)] = some
    return padded.reshape(rows, COLUMNS, side, side, 3).swapaxes(1, 2).reshape(rows * side, COLUMNS * side, 3)
