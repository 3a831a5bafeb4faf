"""Mean distance to the nearest training samples, in the latent space or on the prepared input."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.artifact.naming import under
from poleward.records import Encoded
from poleward.scoring.approximate import APPROXIMATE_FROM, ApproximateIndex, build_index, has_faiss
from poleward.scoring.neighbors import ExactIndex
from poleward.scoring.scorer import Scorer
from poleward.scoring.shares import on_observed, scaled
from poleward.scoring.views import Plain

N_NEIGHBORS = 3
"""k of the published score (METHOD section 2, "Scores")."""


class KNearest(Scorer):
    """score(x) = 1/k sum of the Euclidean distances to the k nearest training samples.

    A sample that was trained on has itself at distance 0 in the index; that one is left out, so its score is
    what it would be had this copy been left out.

    Parameters
    ----------
    field : "means" (latent) or "inputs"
    view : what is done to the points before distances are taken
    n_neighbors : k >= 1; cut to the number of training samples less one
    """

    def __init__(self, field: str, view: Plain, n_neighbors: int = N_NEIGHBORS) -> None:
        self.field = field
        self.view = view
        self.n_neighbors = n_neighbors
        self.index: ExactIndex
        self.masked = field == "inputs" and type(view) is Plain  # any other view fills gaps with the centre
        self.needs = frozenset({field, "observed"} if self.masked else {field})
        self.learns = self.needs

    def fit(self, encoded: Encoded) -> "KNearest":
        """Store the training samples' points."""
        points = getattr(encoded, self.field)
        self.view.fit(points)
        self.index = build_index(self.view(points), self._observed(encoded))
        return self

    def extend(self, encoded: Encoded) -> "KNearest":
        """Store further points; the view stays as it was learned."""
        points, old = self.view(getattr(encoded, self.field)), self.index
        masks = [old.observed, self._observed(encoded)]
        known = all(mask is None for mask in masks)
        whole = [
            np.ones(part.shape, bool) if mask is None else mask
            for mask, part in zip(masks, (old.points, points), strict=True)
        ]
        self.index = build_index(np.concatenate([old.points, points]), None if known else np.concatenate(whole))
        return self

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean distances (n,), in prepared or latent units."""
        return np.asarray(self._nearest(encoded, trained_on)[0].mean(axis=1))

    def contributions(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """Every distance by the shares of its square: (x_j - a_j)^2 / D^2 on a plain view, see `Plain.parts` on others.

        A cell that only one of the two has takes no share. The other choice, the gradient of the distance times
        x - a, is the same thing.
        """
        distances, rows = self._nearest(encoded, trained_on)
        parts = np.zeros(getattr(encoded, self.field).shape)
        for distance, row in zip(distances.T, rows.T, strict=True):
            parts += scaled(self._parts(encoded, row), distance)
        if self.field == "inputs":
            parts = on_observed(parts, encoded.observed)
        return {self.field: scaled(parts, self.score(encoded, trained_on))}

    def nearest(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows and distances of the k neighbours that the score is the mean of."""
        distances, rows = self._nearest(encoded, trained_on)
        return rows, distances

    def _parts(self, encoded: Encoded, row: NDArray[np.int64]) -> NDArray[np.float64]:
        """Parts (n, d) of the squared distance of each sample to one stored point."""
        parts = self.view.parts(getattr(encoded, self.field), self.index.points[row])
        observed = self._observed(encoded)
        if observed is not None:
            parts *= observed
        return parts if self.index.observed is None else parts * self.index.observed[row]

    def _nearest(
        self, encoded: Encoded, trained_on: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distances to the k nearest training samples other than the sample itself, and their rows, both (n, k)."""
        k = max(1, min(self.n_neighbors, len(self.index) - 1))
        depth = min(k + 1, len(self.index))
        points = self.view(getattr(encoded, self.field))
        distances, rows = self.index.search(points, depth, self._observed(encoded))
        itself = trained_on[:, None]
        return np.where(itself, distances[:, -k:], distances[:, :k]), np.where(itself, rows[:, -k:], rows[:, :k])

    def _observed(self, encoded: Encoded) -> NDArray[np.bool_] | None:
        return encoded.observed if self.masked else None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Stored points, their mask, and the view's own."""
        stored: dict[str, NDArray[Any]] = {"points": self.index.points}
        if self.index.observed is not None:
            stored["observed"] = self.index.observed
        if isinstance(self.index, ApproximateIndex):
            stored |= {"centroids": self.index.centroids, "probes": np.array([self.index.n_probe, self.index.recall])}
        return stored | {f"view.{name}": array for name, array in self.view.arrays().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "KNearest":
        """Take back what `arrays` gave; where faiss is missing, neighbours are looked for among all points."""
        self.view.restore(under("view.", arrays))
        if "centroids" in arrays and has_faiss():
            n_probe, recall = arrays["probes"]
            index = ApproximateIndex(arrays["points"], arrays["centroids"], int(n_probe))
            index.recall = float(recall)
            self.index = index
        else:
            self.index = ExactIndex(arrays["points"], arrays.get("observed"))
        return self

    def notes(self) -> list[str]:
        """How neighbours are found, where that is not exactly, or slowly."""
        if isinstance(self.index, ApproximateIndex):
            return [
                f"neighbours among {len(self.index):,} points are approximate: {self.index.recall:.1%} of the true ones"
                f" are found in {self.index.n_probe:,} of {len(self.index.centroids):,} lists"
            ]
        if len(self.index) >= APPROXIMATE_FROM and self.index.observed is None:
            return [f"neighbours among {len(self.index):,} points are exact and slow; pip install 'poleward[knn]'"]
        return []
