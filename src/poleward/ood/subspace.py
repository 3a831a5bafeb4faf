"""Nearest neighbours in the features that made the prediction."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray

from poleward.ood.nearest import normalised
from poleward.ood.outputs import Head, Outputs, PostHoc
from poleward.scoring.neighbors import ExactIndex


class SubspaceNearest(PostHoc):
    """SNN: score = distance to the k-th nearest training sample in the subspace of the predicted class.

    The subspace of class c is the share r of the features j with the largest mean contribution w_cj f_j to its logit
    over training samples that are predicted as c; distances are between features restricted to it and brought to length
    1. The paper trains with such subspaces, sample by sample, and takes distances in the features that result; on a
    classifier that is already there the subspaces are found afterwards, class by class. That is our reading of it.

    Source: Ghosal, Sun and Li, "How to Overcome Curse-of-Dimensionality for Out-of-Distribution Detection?" (2024,
    arXiv 2312.14452).

    head : the last linear layer
    share : r in (0, 1]
    k : at least 1; cut to the number of training samples
    """

    def __init__(self, head: Head, share: float = 0.25, k: int = 50) -> None:
        self.head = head
        self.share = share
        self.k = k
        self.subspaces: NDArray[np.bool_]
        self.indices: dict[int, ExactIndex]

    def fit(self, outputs: Outputs) -> "SubspaceNearest":
        """Find every class's subspace, and store the training samples in it."""
        contributions = self._mean_contributions(outputs)
        self.subspaces = largest(contributions, max(1, round(self.share * contributions.shape[1])))
        self.indices = {
            c: ExactIndex(self._within(outputs.features, subspace)) for c, subspace in enumerate(self.subspaces)
        }
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,) in [0, 2]."""
        found, predicted = np.empty(len(outputs)), outputs.predicted
        for c in np.unique(predicted):
            rows, index = predicted == c, self.indices[int(c)]
            queries = self._within(outputs.features[rows], self.subspaces[c])
            found[rows] = index.distances(queries, min(self.k, len(index)))[:, -1]
        return found

    def _mean_contributions(self, outputs: Outputs) -> Float64[np.ndarray, "classes d"]:
        """Mean of w_cj f_j over the samples predicted as c; over all samples for a class that is never predicted."""
        features, predicted = np.asarray(outputs.features, np.float64), outputs.predicted
        means = np.tile(features.mean(axis=0), (len(self.head.weight), 1))
        for c in np.unique(predicted):
            means[c] = features[predicted == c].mean(axis=0)
        return means * self.head.weight

    def _within(self, features: NDArray[np.floating[Any]], subspace: NDArray[np.bool_]) -> NDArray[np.float32]:
        return normalised(features[:, subspace]).astype(np.float32)


def largest(values: NDArray[np.floating[Any]], n: int) -> Bool[np.ndarray, "rows d"]:
    """Mark the n largest values of each row.

    >>> largest(np.array([[3.0, 1.0, 2.0]]), 2)
    array([[ True, False,  True]])
    """
    marked = np.zeros(values.shape, bool)
    np.put_along_axis(marked, np.argsort(-values, axis=1, kind="stable")[:, :n], True, axis=1)
    return marked
