"""Isolation Forest (Liu, Ting and Zhou 2008), grown by scikit-learn, kept as plain arrays."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from poleward.records import Encoded
from poleward.scoring.scorer import Scorer
from poleward.scoring.shares import CONSTANT, on_observed

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
        *_, nodes = self._paths(encoded)
        return self._scores(nodes)

    def contributions(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """1/2, which every sample has at the roots, and what each split adds to it, for the feature split on.

        A split of n points that leaves m of them with x shortens the expected path by c(n) - c(m) - 1, which is
        negative where x stays with most of the others. The mean over trees of these, for each feature, is multiplied
        by (score - 1/2) / (sum over features). The other choice, counting the splits of each feature, tells those that
        isolate x from those that do not only by their depth.
        """
        paths = list(self._paths(encoded))
        parts = np.zeros(getattr(encoded, self.field).shape)
        lengths, rows = self.trees["length"], np.arange(len(parts))[:, None]
        for above, below in pairwise(paths):
            np.add.at(parts, (rows, np.maximum(self.trees["feature"][above], 0)), lengths[above] - lengths[below])
        parts /= len(self.trees["roots"])
        if self.field == "inputs":
            parts = on_observed(parts, encoded.observed)
        score, start = self._scores(paths[-1]), self._scores(paths[0])
        shortened = (lengths[paths[0]] - lengths[paths[-1]]).mean(axis=1)
        at_start = np.log(2) * start / np.maximum(self.trees["scale"], 1e-12)
        slope = np.divide(score - start, shortened, out=at_start, where=np.abs(shortened) > 1e-6)
        parts *= slope[:, None]
        return {self.field: parts, CONSTANT: (score - parts.sum(axis=1))[:, None]}

    def _paths(self, encoded: Encoded) -> Iterator[NDArray[np.int64]]:
        """The nodes (n, trees) at which the samples stand after 0, 1, ... splits; at the end all stand at a leaf."""
        points = np.asarray(getattr(encoded, self.field), np.float32)
        trees = self.trees
        nodes = np.tile(trees["roots"], (len(points), 1))
        rows = np.arange(len(points))[:, None]
        yield nodes
        inner = trees["left"][nodes] != LEAF
        while inner.any():
            goes_left = points[rows, np.maximum(trees["feature"][nodes], 0)] <= trees["threshold"][nodes]
            below = np.where(goes_left, trees["left"][nodes], trees["right"][nodes])
            nodes = np.where(inner, below, nodes)
            yield nodes
            inner = trees["left"][nodes] != LEAF

    def _scores(self, nodes: NDArray[np.int64]) -> NDArray[np.float64]:
        mean_length = self.trees["length"][nodes].mean(axis=1)
        return np.asarray(np.exp2(-mean_length / np.maximum(self.trees["scale"], 1e-12)))

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
