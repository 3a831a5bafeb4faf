"""How like real images made ones are: the Frechet distance between features, and the distance to training images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier

from poleward.scoring.neighbors import ExactIndex

COMPONENTS = 64
"""Principal components of pixels that serve as features where there are no classes."""

HIDDEN = (128, 32)
"""Units of the classifier's layers; those of the last one are the features."""

PASSES = 20

NEAREST_PART = 0.01
"""A made image counts as a copy when it is nearer to a training image than this share of held-out images are."""

Images = NDArray[Any]
Points = NDArray[np.floating[Any]]


def frechet_distance(one: Points, other: Points) -> float:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) of the Gaussians with the points' means and covariances.

    Heusel et al. 2017, on features of our own; figures of other features are not comparable.

    one, other : (n, d), (m, d)

    >>> points = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 4.0]])
    >>> round(frechet_distance(points, points + [3.0, 4.0]), 9)
    25.0
    """
    C, C_other = (np.atleast_2d(np.cov(points.astype(np.float64), rowvar=False)) for points in (one, other))
    root_trace = np.sqrt(np.maximum(np.linalg.eigvals(C @ C_other).real, 0)).sum()
    shift = one.mean(axis=0) - other.mean(axis=0)
    return float(shift @ shift + np.trace(C) + np.trace(C_other) - 2 * root_trace)


@dataclass(frozen=True)
class Classifier:
    """A small classifier trained on labelled images, whose last hidden layer gives features.

    accuracy : on images it was not trained on
    """

    network: Any
    accuracy: float

    @classmethod
    def trained(cls, images: Images, labels: NDArray[np.int64], seed: int) -> "Classifier":
        """Learn the classes of nine tenths of (n, height, width, bands), and be judged on the rest."""
        order = np.random.default_rng(seed).permutation(len(images))
        n_judged = max(1, len(images) // 10)
        judged, learned = order[:n_judged], order[n_judged:]
        rows = pixels(images)
        network = MLPClassifier(HIDDEN, random_state=seed)
        for _ in range(PASSES):
            network.partial_fit(rows[learned], labels[learned], classes=np.unique(labels))
        return cls(network, float(network.score(rows[judged], labels[judged])))

    def features(self, images: Images) -> Points:
        """Last hidden layer, (n, 32)."""
        layer = pixels(images)
        for weights, bias in zip(self.network.coefs_[:-1], self.network.intercepts_[:-1], strict=True):
            layer = np.maximum(layer @ weights + bias, 0)
        return layer


@dataclass(frozen=True)
class Components:
    """Principal components of pixels, for images without classes."""

    analysis: PCA

    @classmethod
    def trained(cls, images: Images, seed: int) -> "Components":
        """Learn from (n, height, width, bands)."""
        rows = pixels(images)
        return cls(PCA(min(COMPONENTS, *rows.shape), random_state=seed).fit(rows))

    def features(self, images: Images) -> Points:
        """Components, (n, at most 64)."""
        return np.asarray(self.analysis.transform(pixels(images)))


def pixels(images: Images) -> Points:
    """Images of 8 bits as rows in [0, 1], (n, height * width * bands)."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


@dataclass(frozen=True)
class Nearness:
    """How near made images lie to training images, beside held-out real ones.

    ratio : of the median distances to the nearest training image, made over held-out
    copies : share of made images nearer to a training image than 99 % of the held-out ones
    """

    ratio: float
    copies: float

    @classmethod
    def of(cls, made: Images, train: Images, held_out: Images) -> "Nearness":
        """Distances between pixels."""
        index = ExactIndex(pixels(train))
        ours, theirs = (index.distances(pixels(images), 1)[:, 0] for images in (made, held_out))
        near = np.quantile(theirs, NEAREST_PART)
        return cls(float(np.median(ours) / np.median(theirs)), float((ours < near).mean()))
