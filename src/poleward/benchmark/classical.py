"""Rows without a network of Poleward's: neighbours, forests, densities and supports on the raw input.

Columns of tables are standardised first, except for the Isolation Forest and ECOD, which do not see the units; images
are their pixels in a row.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from poleward.benchmark.contenders import Effort, Scores, single
from poleward.benchmark.splits import Split

COMPONENTS = 64
"""Principal components of the whitened row; fewer where there are fewer samples or cells."""

MOST_FOR_SUPPORT = 5000
"""Training samples of the one-class SVM, whose time grows with their square, by a seeded draw."""

SMALLEST_VARIANCE = 1e-6
"""Added to every band's variance, as a share of the mean one, so that the covariance can be inverted."""

Rows = NDArray[np.floating[Any]]


def flat(split: Split) -> tuple[Rows, Rows]:
    """Samples to train on and to rank as rows of numbers, (n, d) and (m, d)."""
    if split.kind == "table":
        return split.train.astype(np.float64), split.test.astype(np.float64)
    train, test = (images.reshape(len(images), -1).astype(np.float32) for images in (split.train, split.test))
    return train, test


def standardised(split: Split) -> tuple[Rows, Rows]:
    """`flat`, with a table's columns in units of their standard deviation."""
    train, test = flat(split)
    if split.kind == "images":
        return train, test
    scale = StandardScaler().fit(train)
    return scale.transform(train), scale.transform(test)


def mean_distance(train: Rows, test: Rows, k: int) -> Scores:
    """Mean distance to the k nearest training rows, (m,).

    >>> mean_distance(np.array([[0.0], [1.0], [9.0]]), np.array([[2.0]]), k=2)
    array([1.5])
    """
    index = NearestNeighbors(n_neighbors=min(k, len(train))).fit(train)
    return np.asarray(index.kneighbors(test)[0].mean(axis=1))


def raw_neighbours(split: Split, effort: Effort, k: int) -> Scores:
    """Mean distance to the k nearest training samples."""
    return mean_distance(*standardised(split), k)


def whitened_neighbours(split: Split, effort: Effort) -> Scores:
    """Mean distance to the 3 nearest, between the leading principal components in units of their deviation."""
    train, test = standardised(split)
    n_components = min(COMPONENTS, *train.shape)
    pca = PCA(n_components, whiten=True, random_state=split.seed).fit(train)
    return mean_distance(pca.transform(train), pca.transform(test), 3)


def isolation_forest(split: Split, effort: Effort) -> Scores:
    """Isolation Forest at scikit-learn's defaults."""
    train, test = flat(split)
    return -IsolationForest(random_state=split.seed).fit(train).score_samples(test)


def local_outlier_factor(split: Split, effort: Effort) -> Scores:
    """Local Outlier Factor at scikit-learn's defaults."""
    train, test = standardised(split)
    factor = LocalOutlierFactor(n_neighbors=min(20, len(train) - 1), novelty=True)
    return -factor.fit(train).score_samples(test)


def one_class_svm(split: Split, effort: Effort) -> Scores:
    """One-class SVM at scikit-learn's defaults, on at most 5,000 training samples."""
    train, test = standardised(split)
    drawn = np.random.default_rng(split.seed).permutation(len(train))[:MOST_FOR_SUPPORT]
    return -OneClassSVM().fit(train[drawn]).score_samples(test)


def empirical_tails(split: Split, effort: Effort) -> Scores:
    """ECOD (Li et al. 2022) with the training samples' tails, so that a score depends on its own sample alone."""
    return ecod(*flat(split))


def ecod(train: Rows, test: Rows) -> Scores:
    """max over {left, right, skewed} of - sum_j ln P_j(tail beyond x_j), (m,).

    Left and right tails are shares (1 + count) / (1 + n) of training values up to and from x_j on; the skewed sum
    takes of each column the tail on its longer side.

    >>> ecod(np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [5.0]])).round(3)  # ln(4/3), ln 4
    array([0.288, 1.386])
    """
    n = len(train)
    ordered = np.sort(train, axis=0)
    up_to = np.column_stack([np.searchsorted(a, x, "right") for a, x in zip(ordered.T, test.T, strict=True)])
    below = np.column_stack([np.searchsorted(a, x, "left") for a, x in zip(ordered.T, test.T, strict=True)])
    left, right = -np.log((1 + up_to) / (1 + n)), -np.log((1 + n - below) / (1 + n))
    varied = train.std(axis=0) > 0
    long_left = np.zeros(train.shape[1], bool)
    long_left[varied] = skew(train[:, varied], axis=0) < 0
    skewed = np.where(long_left, left, right)
    return np.asarray(np.max([tails.sum(axis=1) for tails in (left, right, skewed)], axis=0))


def spectral_distance(split: Split, effort: Effort) -> Scores:
    """RX: Mahalanobis distance of every pixel's spectrum, mean over the image (Kerner et al. 2020)."""
    bands = split.train.shape[-1]
    spectra = split.train.reshape(-1, bands).astype(np.float64)
    covariance = np.cov(spectra, rowvar=False).reshape(bands, bands)
    floor = max(SMALLEST_VARIANCE * np.trace(covariance) / bands, np.finfo(np.float32).tiny)
    precision = np.linalg.inv(covariance + floor * np.eye(bands))
    centre = spectra.mean(axis=0)
    return np.array([_mahalanobis(image.reshape(-1, bands) - centre, precision).mean() for image in split.test])


def _mahalanobis(points: Rows, precision: Rows) -> Rows:
    return np.sqrt(np.einsum("ij,jk,ik->i", points, precision, points, optimize=True))


CLASSICAL = (
    single("raw-3nn", partial(raw_neighbours, k=3)),
    single("raw-5nn", partial(raw_neighbours, k=5), note="the simple row that the default is compared with"),
    single("pca-3nn", whitened_neighbours, note=f"3-NN between {COMPONENTS} whitened principal components"),
    single("raw-forest", isolation_forest),
    single("lof", local_outlier_factor),
    single("ocsvm", one_class_svm, note=f"trained on at most {MOST_FOR_SUPPORT:,} samples"),
    single("ecod", empirical_tails, note="with the training samples' tails"),
    single("rx", spectral_distance, kinds=frozenset({"images"}), note="Mahalanobis distance of pixel spectra"),
)
