"""Isolation Forest (Liu, Ting and Zhou 2008), grown by scikit-learn, kept as plain arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from poleward.records import Encoded
from poleward.scoring.scorer import Scorer

LEAF = -1


def average_path(n: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """c(n): mean depth of an unsuccessful search in a binary tree of n points; c(1) = 0, c(2) = 1.

    c(n) = 2 H(n-1) - 2 (n-1)/n, with H(n) = ln n + 0.5772...

    >>> average_path(np.array([1, 2]))
    array([0., 1.])
    """
    safe = np.maximum(n, 3).astype(np.float64)
    long = 2 * (np.log(safe - 1) + np.euler_gamma) - 2 * (safe - 1) / safe
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, long))


class Isolation(Scorer):
    """score(x) = 2^(-E[h(x)] / c(256)), h the depth at which a random tree isolates x; in (0, 1).

    Parameters
    ----------
    field : "means" (latent) or "inputs", where an unobserved cell counts as its column's centre
    seed : of the forest
    """

    def __init__(self, field: str, seed: int = 0) -> None:
        self.field = field
        self.seed = seed
        self.needs = self.learns = frozenset({field})
        self.trees: dict[str, NDArray[Any]]

    def fit(self, encoded: Encoded) -> "Isolation":
        """Grow scikit-learn's forest at its default settings, and flatten it."""
        forest = IsolationForest(random_state=self.seed).fit(np.asarray(getattr(encoded, self.field), np.float32))
        grown = [estimator.tree_ for estimator in forest.estimators_]
        starts = np.cumsum([0, *(tree.node_count for tree in grown)])
        depths = [_node_depths(tree.children_left, tree.children_right) for tree in grown]
        samples = [tree.n_node_samples for tree in grown]
        self.trees = {
            "roots": starts[:-1],
            "left": np.concatenate([_shifted(tree.children_left, s) for tree, s in zip(grown, starts, strict=False)]),
            "right": np.concatenate([_shifted(tree.children_right, s) for tree, s in zip(grown, starts, strict=False)]),
            "feature": np.concatenate([tree.feature for tree in grown]),
            "threshold": np.concatenate([tree.threshold for tree in grown]),
            "length": np.concatenate([d + average_path(n) for d, n in zip(depths, samples, strict=True)]),
            "scale": average_path(np.array([forest.max_samples_])),
        }
        return self

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Isolation scores (n,)."""
        points = np.asarray(getattr(encoded, self.field), np.float32)
        trees = self.trees
        nodes = np.tile(trees["roots"], (len(points), 1))  # (n, trees)
        rows = np.arange(len(points))[:, None]
        inner = trees["left"][nodes] != LEAF
        while inner.any():
            goes_left = points[rows, np.maximum(trees["feature"][nodes], 0)] <= trees["threshold"][nodes]
            below = np.where(goes_left, trees["left"][nodes], trees["right"][nodes])
            nodes = np.where(inner, below, nodes)
            inner = trees["left"][nodes] != LEAF
        mean_length = trees["length"][nodes].mean(axis=1)
        return np.exp2(-mean_length / np.maximum(trees["scale"], 1e-12))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The flattened forest."""
        return self.trees

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Isolation":
        """Take back what `arrays` gave."""
        self.trees = dict(arrays)
        return self


def _shifted(children: NDArray[np.integer[Any]], start: np.int64) -> NDArray[np.int64]:
    return np.where(children == LEAF, LEAF, children + start).astype(np.int64)


def _node_depths(left: NDArray[np.integer[Any]], right: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Depth of every node; scikit-learn numbers parents before their children."""
    depths = np.zeros(len(left))
    for node in range(len(left)):
        if left[node] != LEAF:
            depths[left[node]] = depths[right[node]] = depths[node] + 1
    return depths
