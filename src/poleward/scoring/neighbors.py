"""Exact nearest neighbours: candidates by matrix products in the points' precision, distances of those few in float64.

The second measurement makes a distance a function of its two points alone, whatever else is in the batch.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUERIES = 256
"""Queries handled at a time."""

POINTS = 16_384
"""Stored points handled at a time: a tile of QUERIES x POINTS takes 16 MiB in float32."""

SPARE = 4
"""Candidates kept beyond those asked for, against ties and rounding."""


class ExactIndex:
    """Euclidean distances from queries to their nearest stored points.

    With unobserved cells the distance is over the cells that both have, scaled up to all:
    D(a, b)^2 = d / |O| sum_{j in O} (a_j - b_j)^2; it is infinite for a pair without any such cell.

    Parameters
    ----------
    points : (n, d) float, n >= 1, unobserved cells hold any finite value
    observed : (n, d) bool, or None when every cell was observed
    """

    def __init__(self, points: NDArray[np.floating[Any]], observed: NDArray[np.bool_] | None = None) -> None:
        self.points = points
        self.observed = observed
        self.centre = points.mean(axis=0)
        self._centred = points - self.centre
        self._squares = np.einsum("ij,ij->i", self._centred, self._centred)

    def __len__(self) -> int:
        return len(self.points)

    def distances(
        self, queries: NDArray[np.floating[Any]], k: int, observed: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Distances (m, k) to the k nearest stored points of each of the queries (m, d), ascending, 1 <= k <= n.

        >>> ExactIndex(np.array([[0.0], [1.0], [3.0]])).distances(np.array([[0.9]]), k=2).round(1)
        array([[0.1, 0.9]])
        """
        return self.search(queries, k, observed)[0]

    def search(
        self, queries: NDArray[np.floating[Any]], k: int, observed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distances and row numbers, both (m, k), of the nearest stored points, ascending; among equals, any."""
        parts = [
            self._search_few(
                queries[start : start + QUERIES], k, None if observed is None else observed[start : start + QUERIES]
            )
            for start in range(0, len(queries), QUERIES)
        ]
        return np.concatenate([d for d, _ in parts]), np.concatenate([rows for _, rows in parts])

    def _search_few(
        self, queries: NDArray[np.floating[Any]], k: int, observed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        keep = min(k + SPARE, len(self))
        rows = self._candidates(queries, observed, keep)
        exact = self._measure(queries, rows, observed)
        order = np.argsort(exact, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(exact, order, 1), np.take_along_axis(rows, order, 1)

    def _candidates(
        self, queries: NDArray[np.floating[Any]], observed: NDArray[np.bool_] | None, keep: int
    ) -> NDArray[np.int64]:
        """Rows (m, keep) of the nearest points by matrix products, in ascending row order."""
        values = np.empty((len(queries), 0), self._centred.dtype)
        rows = np.empty((len(queries), 0), np.int64)
        for start in range(0, len(self), POINTS):
            tile = self._tile(queries, observed, slice(start, start + POINTS))
            near = _smallest(tile, keep)
            values = np.concatenate([values, np.take_along_axis(tile, near, 1)], axis=1)
            rows = np.concatenate([rows, near + start], axis=1)
            if values.shape[1] > keep:
                best = np.argpartition(values, keep - 1, axis=1)[:, :keep]
                values, rows = np.take_along_axis(values, best, 1), np.take_along_axis(rows, best, 1)
        return np.sort(rows, axis=1)  # ties go to the lower row, whatever else was in the tile

    def _tile(
        self, queries: NDArray[np.floating[Any]], observed: NDArray[np.bool_] | None, part: slice
    ) -> NDArray[np.floating[Any]]:
        """What orders some stored points by their distance: |b|^2 - 2 a.b, or, with unobserved cells, D^2 / d."""
        a = (queries - self.centre).astype(self._centred.dtype)
        b = self._centred[part]
        if observed is None and self.observed is None:
            tile = (-2 * a) @ b.T
            tile += self._squares[part]
            return tile
        seen_a = np.ones_like(a) if observed is None else observed.astype(a.dtype)
        seen_b = np.ones_like(b) if self.observed is None else self.observed[part].astype(b.dtype)
        a, b = a * seen_a, b * seen_b
        squares = (a**2) @ seen_b.T - 2 * a @ b.T + seen_a @ (b**2).T
        common = seen_a @ seen_b.T
        return np.where(common > 0, squares / np.maximum(common, 1), np.inf)

    def _measure(
        self, queries: NDArray[np.floating[Any]], rows: NDArray[np.int64], observed: NDArray[np.bool_] | None
    ) -> NDArray[np.float64]:
        difference = self.points[rows].astype(np.float64)
        difference -= queries[:, None, :]
        if observed is None and self.observed is None:
            return np.sqrt(np.einsum("mkd,mkd->mk", difference, difference))
        both = np.ones(difference.shape, bool) if self.observed is None else self.observed[rows]
        if observed is not None:
            both = both & observed[:, None, :]
        difference *= both
        squares = np.einsum("mkd,mkd->mk", difference, difference)
        count = both.sum(axis=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = squares * (difference.shape[2] / count)
        return np.sqrt(np.where(count > 0, scaled, np.inf))


def _smallest(tile: NDArray[np.floating[Any]], keep: int) -> NDArray[np.int64]:
    """Columns (m, keep or fewer) of the smallest entries of each row, unsorted.

    They lie in the groups of columns with the ``keep`` smallest minima, so only those groups are looked into. Groups of
    (n / 2 keep)^1/2 columns make as little work of choosing groups as of looking into them.
    """
    m, n = tile.shape
    depth = math.isqrt(n // (2 * keep))
    if depth <= 1:
        return np.argpartition(tile, keep - 1, axis=1)[:, :keep] if keep < n else np.tile(np.arange(n), (m, 1))
    groups = n // depth
    minima = tile[:, : groups * depth].reshape(m, depth, groups).min(axis=1)  # group g: columns g, g + groups, ...
    chosen = np.argpartition(minima, keep - 1, axis=1)[:, :keep]
    columns = (chosen[:, :, None] + groups * np.arange(depth)).reshape(m, -1)
    rest = np.broadcast_to(np.arange(groups * depth, n), (m, n - groups * depth))
    columns = np.concatenate([columns, rest], axis=1)
    inside = np.argpartition(np.take_along_axis(tile, columns, 1), keep - 1, axis=1)[:, :keep]
    return np.take_along_axis(columns, inside, 1)
