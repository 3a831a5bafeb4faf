"""From anomalous to interesting: what a person said of some samples re-ranks all of them.

Labels are few and all given where the score is high, so what is learned of them cannot replace the score: every way of
re-ranking keeps it as the prior, and moves samples only where labels speak.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from scipy.special import expit
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics import average_precision_score
from sklearn.model_selection import RepeatedStratifiedKFold

from poleward.errors import SettingError

Floats = NDArray[np.float64]
Way = Callable[[Floats, Floats, NDArray[np.intp], NDArray[np.bool_]], Floats]
"""(features (n, d), scores (n,), labelled rows (m,), which are interesting (m,)) -> relevance (n,), higher first."""

BASE, SPAN = 0.1, 0.85
"""e_1 and e_2 of Lochner & Bassett: what is left of the score of a boring sample; how much more of an interesting."""

COMPONENTS = 32
"""Principal components of the features that are learned from."""

LENGTH, NOISE, TRUST = 0.7, 0.3, 6.0
"""Of the Gaussian process: its length scale, where the mean squared distance from the centre is 1; the variance of
what a person says; log-odds that a residual of 1 is worth beside one standard deviation of the score."""

AT_ONCE = 4096
"""Samples handled at a time."""

MOST_LABELS, BESIDE = 2000, 1000
"""Labels that are learned from, chosen at random when there are more; samples beside them in cross-validation."""

FOLDS, TURNS = 5, 4
FEWEST = 5
"""Labels of either kind that cross-validation needs."""

SMALLEST = 1e-12


@dataclass(frozen=True)
class Reranking:
    """A ranking that labels had a part in.

    relevance : (n,) higher first
    method : the way it was found, one of ``WAYS``
    quality : cross-validated average precision among the labelled samples of every way; empty when they are too few
    """

    relevance: Floats
    method: str
    quality: Mapping[str, float] = field(default_factory=dict)


def rerank(
    features: NDArray[np.floating[Any]],
    scores: NDArray[np.floating[Any]],
    rows: NDArray[np.intp],
    interesting: NDArray[np.bool_],
) -> Reranking:
    """Rank all samples by the labels of some, in the way that ranks the labelled ones best, cross-validated.

    features : (n, d) what samples that look alike have alike: latent codes, or any other numbers
    scores : (n,) higher is more anomalous
    rows : (m,) of the labelled samples, m >= 1; interesting : (m,) what was said of them

    With fewer than five of either kind nothing can be cross-validated: the Gaussian process is used.
    """
    if not len(rows):
        raise SettingError("nothing is labelled yet; label some samples first")
    prepared, wide = components(features), np.asarray(scores, dtype=np.float64)
    learned = np.sort(np.random.default_rng(0).permutation(len(rows))[:MOST_LABELS])
    rows, interesting = rows[learned], interesting[learned]
    quality = compared(prepared, wide, rows, interesting)
    method = max(quality, key=lambda name: quality[name]) if quality else next(iter(WAYS))
    return Reranking(WAYS[method](prepared, wide, rows, interesting), method, quality)


def compared(
    features: Floats, scores: Floats, rows: NDArray[np.intp], interesting: NDArray[np.bool_]
) -> dict[str, float]:
    """How well every way ranks labelled samples that are hidden from it; {} when there are too few of either kind.

    Besides the labelled samples only some of the others are looked at.
    """
    if min(interesting.sum(), (~interesting).sum()) < FEWEST:
        return {}
    others = np.setdiff1d(np.arange(len(scores)), rows)
    seen = np.concatenate([rows, np.random.default_rng(0).permutation(others)[:BESIDE]])
    told = features[seen], scores[seen], np.arange(len(rows)), interesting
    return {name: _quality(way, *told) for name, way in WAYS.items()}


def components(features: NDArray[np.floating[Any]]) -> Floats:
    """Whitened principal components, at most ``COMPONENTS``, with a mean squared length of 1.

    >>> components(np.array([[1.0, 5.0], [3.0, 5.0]])).round(9).tolist()
    [[-1.0], [1.0]]
    """
    wide = np.asarray(features, dtype=np.float64)
    centred = wide - wide.mean(axis=0)
    spread = centred.std(axis=0)
    varied = centred[:, spread > SMALLEST] / spread[spread > SMALLEST]
    if not varied.size:
        return np.zeros((len(wide), 1))
    found = PCA(min(COMPONENTS, *varied.shape), random_state=0).fit_transform(varied)
    length = found.std(axis=0)
    found = found[:, length > SMALLEST * length[0]] / length[length > SMALLEST * length[0]]
    return np.asarray(found / np.sqrt(found.shape[1]))


def neighbour_weighted(
    features: Floats, scores: Floats, rows: NDArray[np.intp], interesting: NDArray[np.bool_]
) -> Floats:
    """The score, lowered near what was called boring and kept far from every label.

    ``S_hat = S tanh(delta - 1 + artanh(e_1 + e_2 U)),   delta = exp(d / d_0)``

    with S the score from 0 to 1, U in [0, 1] the interest that a random forest predicts, d the distance to the nearest
    labelled sample and d_0 its mean over all samples.

    Source: M. Lochner & B. A. Bassett, "Astronomaly" (2021), eqs. 2 to 4.
    """
    span = np.ptp(scores)
    score = (scores - scores.min()) / (span if span > 0 else 1.0)
    distance = _nearest(features, features[rows])
    forest = RandomForestRegressor(100, random_state=0).fit(features[rows], interesting)
    delta = np.exp(distance / max(distance.mean(), SMALLEST))
    return np.asarray(score * np.tanh(delta - 1 + np.arctanh(BASE + SPAN * forest.predict(features))))


def gaussian_process(
    features: Floats, scores: Floats, rows: NDArray[np.intp], interesting: NDArray[np.bool_]
) -> Floats:
    """The score, moved by a Gaussian process that explains what labels say beyond it.

    ``r = z + TRUST f,   f = k (K + NOISE I)^-1 (y - p),   p = 1 / (1 + exp(-(a + z)))``

    with z the score in standard deviations from its mean, y in {0, 1} the labels, k and K the kernel
    ``exp(-|x - x'|^2 / (2 LENGTH^2))``, and a such that p has the mean of y over the labelled samples.
    Far from every label f is 0 and the score alone decides.
    """
    z = (scores - scores.mean()) / (scores.std() or 1.0)
    share = (interesting.sum() + 0.5) / (len(rows) + 1)
    shift = brentq(lambda a: expit(a + z[rows]).mean() - share, *_shifts(z[rows]))
    process = GaussianProcessRegressor(RBF(LENGTH), alpha=NOISE, optimizer=None)
    process.fit(features[rows], interesting - expit(shift + z[rows]))
    parts = np.array_split(features, 1 + len(features) // AT_ONCE)
    return np.asarray(z + TRUST * np.concatenate([process.predict(part) for part in parts]))


WAYS: Mapping[str, Way] = {
    "Gaussian process": gaussian_process,
    "neighbour-weighted score": neighbour_weighted,
}


def _quality(
    way: Way, features: Floats, scores: Floats, rows: NDArray[np.intp], interesting: NDArray[np.bool_]
) -> float:
    """Mean average precision among labelled samples that were hidden from it."""
    found = []
    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=TURNS, random_state=0)
    for known, hidden in folds.split(rows, interesting):
        relevance = way(features, scores, rows[known], interesting[known])
        found.append(average_precision_score(interesting[hidden], relevance[rows[hidden]]))
    return float(np.mean(found))


def _nearest(features: Floats, labelled: Floats) -> Floats:
    parts = np.array_split(features, 1 + len(features) // AT_ONCE)
    return np.concatenate([cdist(part, labelled).min(axis=1) for part in parts])


def _shifts(z: Floats) -> tuple[float, float]:
    """Bounds of a shift that brings any share from 1e-9 to 1 - 1e-9."""
    return -float(z.max()) - 30.0, -float(z.min()) + 30.0
