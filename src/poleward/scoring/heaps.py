"""Heaps: small groups of training samples close together, as anomalies left in the training data often lie.

In a heap anomalies are each other's neighbours, and a mixture gives them a Gaussian of their own.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.ensemble import IsolationForest
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

ODDER_THAN = 0.85
"""Share of the samples in larger groups that half of a heap's are odder than, to an Isolation Forest."""

VARIANCE_ADDED = 0.01


def without_heaps(
    points: NDArray[np.floating[Any]],
    lightest: float,
    variance_added: float,
    seed: int,
    oddness: NDArray[np.float64] | None = None,
) -> tuple[GaussianMixture, NDArray[np.int64]]:
    """At most 8 Gaussians, none of them a heap's, and the rows (m,) of the samples they are of.

    EM; samples most likely of a Gaussian with a weight below the lightest are left out; EM again with so many Gaussians
    fewer, until none is that light, or until fewer than 0.7 of the samples would be left. Fewer Gaussians where there
    are not 50 samples for each.

    Parameters
    ----------
    points : (n, d)
    lightest : smallest weight of a Gaussian, in [0, 1); with 0 there are no heaps
    variance_added : to every axis, in its squared units
    seed : of the start of EM, and of the choice of samples that it sees
    oddness : (n,), higher is odder; light Gaussians are then heaps only where they are odd as well, see `odd_groups`

    >>> two = np.concatenate([np.linspace(-1, 1, 960), np.full(40, 9.0)])[:, None]
    >>> [len(without_heaps(two, lightest, 0.01, 0)[1]) for lightest in (0.0, 0.05)]
    [1000, 960]
    """
    rows = np.arange(len(points))
    components = int(np.clip(len(rows[:MOST_SAMPLES]) // SAMPLES_PER_GAUSSIAN, 1, GAUSSIANS))
    while True:
        some = np.random.default_rng(seed).permutation(rows)[:MOST_SAMPLES]
        mixture = expectation_maximisation(points[np.sort(some)], components, variance_added, seed)
        heaps, groups = mixture.weights_ < lightest, mixture.predict(points[rows].astype(np.float64))
        if oddness is not None:
            heaps = odd_groups(groups, heaps, oddness[rows])
        kept = rows[~heaps[groups]]
        if len(kept) == len(rows) or len(kept) < FEWEST_KEPT * len(points):
            return mixture, rows
        rows, components = kept, int((~heaps).sum())


def odd_groups(
    groups: NDArray[np.integer[Any]], light: NDArray[np.bool_], oddness: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which of the light groups have a median oddness above that of 0.85 of the samples in the others, (groups,).

    groups : (n,) group of every sample
    light : (groups,)
    oddness : (n,)

    >>> odd_groups(np.array([0, 0, 0, 1, 2]), np.array([False, True, True]), np.array([1.0, 2.0, 3.0, 2.0, 9.0]))
    array([False, False,  True])
    """
    others = ~light[groups]
    limit = np.quantile(oddness[others], ODDER_THAN) if others.any() else np.inf
    medians = [
        np.median(oddness[groups == group]) if (groups == group).any() else -np.inf for group in range(len(light))
    ]
    return np.asarray(light & (np.array(medians) > limit))


def expectation_maximisation(
    points: NDArray[np.floating[Any]], components: int, variance_added: float, seed: int
) -> GaussianMixture:
    """scikit-learn's mixture of Gaussians with full covariance, fitted to (n, d)."""
    mixture = GaussianMixture(components, reg_covar=variance_added, max_iter=ROUNDS, random_state=seed)
    with warnings.catch_warnings(), config_context(array_api_dispatch=False):  # under which k-means cannot start EM
        warnings.simplefilter("ignore", ConvergenceWarning)  # a mixture not quite converged ranks as well
        return mixture.fit(points.astype(np.float64))


def bulk(inputs: NDArray[np.floating[Any]], seed: int) -> NDArray[np.int64]:
    """Rows of the prepared samples (n, d) in no heap: a group of less than 0.08 of them, odd to an Isolation Forest."""
    points = Standardised(seed).fit(inputs)(inputs)
    with config_context(array_api_dispatch=False):
        oddness = -IsolationForest(random_state=seed).fit(inputs).score_samples(inputs)
    return without_heaps(points, LARGEST_HEAP, VARIANCE_ADDED, seed, oddness)[1]
