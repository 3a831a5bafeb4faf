"""Nearest neighbours between normalised features."""

from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from poleward.ood.outputs import Outputs, PostHoc
from poleward.scoring.neighbors import ExactIndex

SMALLEST = 1e-12


class Nearest(PostHoc):
    """score = Euclidean distance from f / |f| to the k-th nearest f_i / |f_i| of the training samples.

    With the features of an autoencoder's own encoder in the place of a classifier's, this is the KNN* of the
    hyperspherical paper (METHOD section 2); with those of a contrastive training, KNN+.

    Source: Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors" (2022).

    k : at least 1; cut to the number of training samples

    >>> known = Outputs(np.array([[2.0, 0.0], [0.0, 5.0]]), np.zeros((2, 2)))
    >>> Nearest(k=1).fit(known).score(Outputs(np.array([[3.0, 0.0], [-1.0, 0.0]]), np.zeros((2, 2)))).round(4)
    array([0.    , 1.4142])
    """

    def __init__(self, k: int = 50) -> None:
        self.k = k
        self.index: ExactIndex

    def fit(self, outputs: Outputs) -> "Nearest":
        """Store the normalised features."""
        self.index = ExactIndex(normalised(outputs.features).astype(np.float32))
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,) in [0, 2]."""
        k = min(self.k, len(self.index))
        return np.asarray(self.index.distances(normalised(outputs.features).astype(np.float32), k)[:, -1])


def normalised(features: NDArray[np.floating[Any]]) -> Float64[np.ndarray, "n d"]:
    """Rows (n, d) brought to length 1; a row of zeros stays.

    >>> normalised(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    wide = np.asarray(features, np.float64)
    length = np.sqrt(np.einsum("nd,nd->n", wide, wide))
    return wide / np.maximum(length, SMALLEST)[:, None]
