"""Anomalies among the samples that should be normal: how large their share is, and which scores cannot be normal ones.

Assumed of the scores s of normal samples: the logarithm of their survival function S0(t) = P(s >= t) is concave (an
increasing hazard rate; Barlow and Proschan 1975), so their tail falls from any two points on at least exponentially.
Normal, gamma, chi-square and exponential scores are of this kind, and after t = ln(1 + s/median), taken where no score
is negative, log-normal and Pareto ones as well.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_SHARE = 0.3
"""A larger group that stands apart is another kind of normal sample rather than one of anomalies."""

POINTS = 40
"""Scores at which the survival function is looked at, evenly spread over the logarithm of their rank."""

FALLS = (math.log(1.5), math.log(6.0))
"""By how much the logarithm of the survival function falls between the two points that a bound is drawn through."""

TO_DETECT, TO_ESTIMATE = 2.0, 0.5
"""Standard errors left to chance: when asking whether there are anomalies at all, and then how many."""

FEWEST_EXPECTED = 0.1
"""A score is no normal one where fewer normal samples than this are expected at or above it."""


@dataclass(frozen=True)
class Survival:
    """The share of n scores at and above each of some of them.

    at : (p,) ascending scores
    above : (p,) in (0, 1]
    """

    n: int
    at: NDArray[np.float64]
    above: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.floating[Any]]) -> "Survival":
        """Look at scores that are evenly spread from the top 1 to the top nine tenths."""
        ordered, n = np.sort(scores), len(scores)
        tops = np.unique(np.geomspace(1, max(0.9 * n, 1), POINTS).astype(int))
        at = np.unique(ordered[n - tops])
        return cls(n, at, (n - np.searchsorted(ordered, at, side="left")) / n)

    def normal_at_most(self, share: float, errors: float) -> NDArray[np.float64]:
        """Upper bound (p,) on the share of all scores that are normal and at or above each point; inf where none holds.

        With y = S - share at the points a < b below t: y(b) exp(-rate (t - b)), rate = ln(y(a) / y(b)) / (b - a), the
        lowest over a and b.

        share : of all scores, taken as anomalies above every b
        errors : standard errors that each rate is lowered by
        """
        held = self.above > share
        at, y = self.at[held], self.above[held] - share
        fall = np.log(y[:, None] / y[None, :])
        a, b = np.nonzero((fall > FALLS[0]) & (fall < FALLS[1]))
        spread = np.sqrt(np.maximum(1 / y[b] - 1 / y[a], 0) / self.n)
        ahead = self.at[None, :] - at[b][:, None]
        with np.errstate(over="ignore"):  # a rate between scores a hair apart may be as steep as numbers go
            rate = np.minimum(np.maximum(fall[a, b] - errors * spread, 0) / (at[b] - at[a]), np.finfo(np.float64).max)
            bounds = y[b][:, None] * np.exp(-rate[:, None] * np.maximum(ahead, 0))
        return np.asarray(np.where(ahead > 0, bounds, np.inf).min(axis=0, initial=np.inf))

    def could_be(self, share: float, errors: float) -> bool:
        """Whether no more scores lie above any point than that share and the normal ones account for."""
        chance = errors * np.sqrt(self.above * (1 - self.above) / self.n)
        return bool((self.above - share <= self.normal_at_most(share, errors) + chance).all())


def estimate_share(scores: NDArray[np.floating[Any]]) -> float:
    """The smallest share in [0, 0.3] that, taken off the survival function, leaves one that normal scores can have.

    0 where the scores as they are do not differ significantly from such ones, or where 0.3 is not enough. Anomalies
    whose scores are no higher than those of normal samples cannot be counted, so it tends to be too small; it is too
    large where normal scores have a heavier tail than assumed. The way to a lower bound on a share of non-null cases is
    that of Genovese and Wasserman
    (2004) and Meinshausen and Rice (2006), with the bound above in the place of a known null distribution.

    >>> normal = np.arange(1000) / 1000
    >>> estimate_share(normal), round(estimate_share(np.append(normal, np.full(111, 9.0))), 2)
    (0.0, 0.1)
    """
    survival = Survival.of(_unstretched(scores))
    if survival.could_be(0.0, TO_DETECT) or not survival.could_be(LARGEST_SHARE, TO_ESTIMATE):
        return 0.0
    low, high = 0.0, LARGEST_SHARE
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if survival.could_be(middle, TO_ESTIMATE) else (middle, high)
    return high


def without_anomalies(scores: NDArray[np.floating[Any]], share: float) -> NDArray[np.float64]:
    """Calibration scores, ascending, without those too far out to be normal: at most the stated share of them.

    Left out are the highest, from the point on above which fewer than a tenth of a normal sample is expected when the
    anomalies are as many as stated or as estimated from these scores, whichever is less. Where anomalies lie among
    normal scores nothing is left out, and p-values stay conservative (Bashari et al. 2025), which they would not if the
    stated share were cut off blindly.

    >>> scores = np.append(np.arange(1000) / 1000, np.full(100, 9.0))
    >>> len(without_anomalies(scores, 0.1)), len(without_anomalies(scores, 0.01))
    (1000, 1089)
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    identified = min(share, estimate_share(ordered))
    stretched = _unstretched(ordered)
    survival = Survival.of(stretched)
    impossible = survival.at[survival.n * survival.normal_at_most(identified, TO_DETECT) < FEWEST_EXPECTED]
    if not identified or not len(impossible):
        return ordered
    n_out = int((stretched >= impossible[0]).sum())
    return ordered[: len(ordered) - min(n_out, math.floor(share * len(ordered)))]


def _unstretched(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """ln(1 + s/median) where no score is negative: a few huge distances are then no heavy tail."""
    median = float(np.median(scores))
    if median <= 0 or scores.min() < 0:
        return np.asarray(scores, np.float64)
    return np.asarray(np.log(scores + median) - np.log(median), np.float64)  # s/median itself may overflow
