"""Nearest neighbours among very many points: only the lists near a query are looked through, by faiss (extra ``knn``).

Points are divided among lists by their nearest centroid; the candidates of a query come from the lists whose centroids
lie nearest to it. As in `ExactIndex` the distances of the few candidates are measured again in float64, so that a score
is a function of its own sample; what is approximate is only which points become candidates. How often the true
neighbours are among them, the recall, is measured on queries drawn from the points, and lists are added until it is
0.99.

Source: Jegou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search" (2011), section 4 (inverted file).
"""

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.scoring.neighbors import ExactIndex

APPROXIMATE_FROM = 50_000
"""Fewer points are looked through exactly. Half of what a detector keeps of rows (`detector.raw.MOST_ROWS`)."""

RECALL = 0.99
QUERIES = 200
NEIGHBORS = 5
"""On how many queries, and of how many nearest, the recall is measured that the lists looked through must reach."""

LISTS_PER_ROOT = 2
"""Lists over the root of the number of points."""

POINTS_PER_LIST = 64
"""Points, at most, from which a centroid is learned."""


class ApproximateIndex(ExactIndex):
    """`ExactIndex` that looks through some lists of points only; every cell must be observed.

    Parameters
    ----------
    points : (n, d) float
    centroids : (lists, d) float32, of ``points - mean``; None to learn them
    n_probe : lists looked through for each query; None to measure how many it takes
    """

    def __init__(
        self,
        points: NDArray[np.floating[Any]],
        centroids: NDArray[np.float32] | None = None,
        n_probe: int | None = None,
    ) -> None:
        super().__init__(points)
        self._centred = self._centred.astype(np.float32)
        self.centroids = learned_centroids(self._centred) if centroids is None else centroids
        self._coarse = ExactIndex(self.centroids)
        self._lists = _filled(self.centroids, self._centred)
        self.recall = np.nan
        self.n_probe = n_probe or self._measured_probes()

    def _candidates(
        self, queries: NDArray[np.floating[Any]], observed: NDArray[np.bool_] | None, keep: int
    ) -> NDArray[np.int64]:
        """Rows (m, keep) of the nearest points of the lists near each query; where these hold too few, of all."""
        centred = np.ascontiguousarray(queries - self.centre, np.float32)
        distances, near = self._coarse.search(centred, self.n_probe)
        self._lists.nprobe = self.n_probe
        _, rows = self._lists.search_preassigned(centred, keep, Iq=near, Dq=np.square(distances).astype(np.float32))
        short = (rows < 0).any(axis=1)
        if short.any():
            rows[short] = super()._candidates(queries[short], None, keep)
        return np.sort(rows, axis=1)

    def _measured_probes(self) -> int:
        """The fewest lists, doubled from one, that find 0.99 of the five nearest of some of the points themselves."""
        rows = np.random.default_rng(0).permutation(len(self))[:QUERIES]
        k = min(NEIGHBORS + 1, len(self))
        true = ExactIndex(self.points).search(self.points[rows], k)[0]
        self.n_probe = 1
        while True:
            found = self.search(self.points[rows], k)[0]
            self.recall = float((found <= true[:, -1:]).mean())
            if self.recall >= RECALL or self.n_probe >= len(self.centroids):
                return self.n_probe
            self.n_probe = min(2 * self.n_probe, len(self.centroids))


def build_index(points: NDArray[np.floating[Any]], observed: NDArray[np.bool_] | None = None) -> ExactIndex:
    """The index that suits so many points: approximate from 50,000 on, with faiss there and every cell observed."""
    if len(points) < APPROXIMATE_FROM or observed is not None or not has_faiss():
        return ExactIndex(points, observed)
    return ApproximateIndex(points)


def has_faiss() -> bool:
    """Whether faiss is installed."""
    return importlib.util.find_spec("faiss") is not None


def learned_centroids(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centroids (lists, d) of about 2 sqrt(n) lists, by k-means on some of the points; the same for the same points."""
    import faiss

    n_lists = max(1, round(LISTS_PER_ROOT * np.sqrt(len(points))))
    means = faiss.Kmeans(points.shape[1], n_lists, niter=8, seed=0, max_points_per_centroid=POINTS_PER_LIST)
    means.cp.min_points_per_centroid = 1
    means.train(np.ascontiguousarray(points))
    return np.asarray(means.centroids, np.float32)


def _filled(centroids: NDArray[np.float32], points: NDArray[np.float32]) -> Any:
    import faiss

    coarse = faiss.IndexFlatL2(points.shape[1])
    coarse.add(np.ascontiguousarray(centroids))
    lists = faiss.IndexIVFFlat(coarse, points.shape[1], len(centroids))
    lists.add(np.ascontiguousarray(points))
    return lists
