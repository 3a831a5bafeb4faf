"""Mean distance to the nearest training samples, in the latent space or on the prepared input."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.records import Encoded
from poleward.scoring.neighbors import ExactIndex
from poleward.scoring.scorer import Scorer
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
        self.index = ExactIndex(self.view(points), self._observed(encoded))
        return self

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean distances (n,), in prepared or latent units."""
        k = max(1, min(self.n_neighbors, len(self.index) - 1))
        depth = min(k + 1, len(self.index))
        distances = self.index.distances(self.view(getattr(encoded, self.field)), depth, self._observed(encoded))
        return np.where(trained_on, distances[:, -k:].mean(axis=1), distances[:, :k].mean(axis=1))

    def _observed(self, encoded: Encoded) -> NDArray[np.bool_] | None:
        return encoded.observed if self.masked else None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Stored points, their mask, and the view's own."""
        stored: dict[str, NDArray[Any]] = {"points": self.index.points}
        if self.index.observed is not None:
            stored["observed"] = self.index.observed
        return stored | {f"view.{name}": array for name, array in self.view.arrays().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "KNearest":
        """Take back what `arrays` gave."""
        self.view.restore({name.removeprefix("view."): array for name, array in arrays.items()})
        self.index = ExactIndex(arrays["points"], arrays.get("observed"))
        return self
