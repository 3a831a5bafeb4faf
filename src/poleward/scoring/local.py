"""Distance to the nearest training samples, measured against how far apart these lie themselves."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.records import Encoded
from poleward.scoring.knn import KNearest

SMALLEST_SHARE = 0.1
"""Of the mean distance: among copies of one sample, that far apart is near."""


class LocalNearest(KNearest):
    """score(x) = d(x) / sqrt(mean of max(d(a), s) over the k nearest training samples a of x).

    d is the mean distance to the k nearest training samples, s a tenth of its mean over training. This is the geometric
    middle between the distance d itself and the Local Outlier Factor (Breunig et al. 2000), d over the neighbours' own:
    a sample may lie as far from dense regions as sparse regions are sparse, but at half the discount.
    """

    def fit(self, encoded: Encoded) -> "LocalNearest":
        """Store the training samples' points, and how far each lies from its own neighbours."""
        super().fit(encoded)
        own, _ = self._nearest(encoded, np.ones(len(encoded), bool))
        distances = own.mean(axis=1)
        self.own = np.maximum(distances, max(SMALLEST_SHARE * distances.mean(), np.finfo(np.float32).tiny))
        return self

    def extend(self, encoded: Encoded) -> "LocalNearest":
        """Store further points, and how far each lies from its neighbours; the others' own distances stay."""
        super().extend(encoded)
        own, _ = self._nearest(encoded, np.ones(len(encoded), bool))
        self.own = np.concatenate([self.own, np.maximum(own.mean(axis=1), self.own.min())])
        return self

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Relative distances (n,), in the square root of prepared or latent units."""
        distances, rows = self._nearest(encoded, trained_on)
        return np.asarray(distances.mean(axis=1) / np.sqrt(self.own[rows].mean(axis=1)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the neighbours need, and their own distances (n,)."""
        return super().arrays() | {"own": self.own}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "LocalNearest":
        """Take back what `arrays` gave."""
        super().restore(arrays)
        self.own = arrays["own"]
        return self
