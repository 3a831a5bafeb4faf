"""Heaps: small groups of training samples close together, as anomalies left in the training data often lie.

In a heap anomalies are each other's neighbours, and a mixture gives them a Gaussian of their own.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from poleward.scoring.views import Standardised

GAUSSIANS = 8
SAMPLES_PER_GAUSSIAN = 50
MOST_SAMPLES = 10_000
"""EM sees at most so many training samples."""

ROUNDS = 60

FEWEST_KEPT = 0.7
"""Share of the training samples below which no more are taken for heaps: they would be normal ones of several kinds."""

LARGEST_HEAP = 0.08
"""Share of the training samples up to which a group is a heap to neighbours, which cannot weigh it."""

VARIANCE_ADDED = 0.01


def without_heaps(
    points: NDArray[np.floating[Any]], lightest: float, variance_added: float, seed: int
) -> tuple[GaussianMixture, NDArray[np.int64]]:
    """At most 8 Gaussians, each of at least a share of the samples, and the rows (m,) of the samples they are of.

    EM; samples most likely of a Gaussian with a weight below the share are left out; EM again with so many Gaussians
    fewer, until none is that light, or until fewer than 0.7 of the samples would be left. Fewer Gaussians where there
    are not 50 samples for each.

    Parameters
    ----------
    points : (n, d)
    lightest : smallest weight of a Gaussian, in [0, 1); with 0 there are no heaps
    variance_added : to every axis, in its squared units
    seed : of the start of EM, and of the choice of samples that it sees

    >>> two = np.concatenate([np.linspace(-1, 1, 960), np.full(40, 9.0)])[:, None]
    >>> [len(without_heaps(two, lightest, 0.01, 0)[1]) for lightest in (0.0, 0.05)]
    [1000, 960]
    """
    rows = np.arange(len(points))
    components = int(np.clip(len(rows[:MOST_SAMPLES]) // SAMPLES_PER_GAUSSIAN, 1, GAUSSIANS))
    while True:
        some = np.random.default_rng(seed).permutation(rows)[:MOST_SAMPLES]
        mixture = expectation_maximisation(points[np.sort(some)], components, variance_added, seed)
        light = mixture.weights_ < lightest
        kept = rows[~light[mixture.predict(points[rows].astype(np.float64))]] if light.any() else rows
        if len(kept) == len(rows) or len(kept) < FEWEST_KEPT * len(points):
            return mixture, rows
        rows, components = kept, int((~light).sum())


def expectation_maximisation(
    points: NDArray[np.floating[Any]], components: int, variance_added: float, seed: int
) -> GaussianMixture:
    """scikit-learn's mixture of Gaussians with full covariance, fitted to (n, d)."""
    mixture = GaussianMixture(components, reg_covar=variance_added, max_iter=ROUNDS, random_state=seed)
    with warnings.catch_warnings(), config_context(array_api_dispatch=False):  # under which k-means cannot start EM
        warnings.simplefilter("ignore", ConvergenceWarning)  # a mixture not quite converged ranks as well
        return mixture.fit(points.astype(np.float64))


def bulk(inputs: NDArray[np.floating[Any]], seed: int) -> NDArray[np.int64]:
    """Rows of the prepared samples (n, d) that lie in no heap of less than 0.08 of them."""
    points = Standardised(seed).fit(inputs)(inputs)
    return without_heaps(points, LARGEST_HEAP, VARIANCE_ADDED, seed)[1]
