"""Split-conformal p-values (Vovk et al. 2005; for anomaly detection Bates et al. 2023)."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Conformal:
    """p-values of scores against the scores of m calibration samples that neither network nor index have seen.

    If a new normal sample is exchangeable with the calibration samples, P(p <= alpha) <= alpha for every alpha,
    exactly, at
    any m; averaged over the draw of the calibration samples.

    Parameters
    ----------
    scores : (m,) of the calibration samples, m >= 1, higher is more anomalous
    """

    def __init__(self, scores: NDArray[np.floating[Any]]) -> None:
        self.scores = np.sort(np.asarray(scores, np.float64))

    def p_values(self, scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """p = (r + 1) / (m + 1), r the number of calibration scores at least as high (ties count against the sample).

        >>> Conformal(np.array([1.0, 2.0, 3.0])).p_values(np.array([0.0, 2.0, 9.0]))
        array([1.  , 0.75, 0.25])
        """
        m = len(self.scores)
        at_least = m - np.searchsorted(self.scores, scores, side="left")
        return np.asarray((at_least + 1) / (m + 1))

    @property
    def smallest_level(self) -> float:
        """1 / (m + 1): no p-value can be lower."""
        return 1 / (len(self.scores) + 1)

    def level(self, alpha: float) -> float:
        """The level that can be kept: alpha, or the smallest possible p-value where m is too small for alpha.

        >>> Conformal(np.arange(9.0)).level(0.01)
        0.1
        """
        return max(alpha, self.smallest_level)

    def shortage(self, alpha: float) -> str | None:
        """A sentence where m is too small for alpha, else None."""
        if self.level(alpha) == alpha:
            return None
        return (
            f"{len(self.scores)} calibration samples cannot show a level of {alpha:g}: the lowest p-value is"
            f" {self.smallest_level:.3g}, and that is the level used; {round(1 / alpha) - 1:,} would be needed"
        )

    def level_above(self, threshold: float) -> float:
        """The p-value of scores just above a threshold: the share of false alarms that it leaves at most.

        >>> Conformal(np.arange(9.0)).level_above(7.0)
        0.2
        """
        return float(self.p_values(np.array([np.nextafter(threshold, np.inf)]))[0])

    def threshold(self, alpha: float) -> float:
        """The largest score that is still not an anomaly: p(score) <= level(alpha) exactly for scores above it.

        >>> Conformal(np.arange(9.0)).threshold(0.2)
        7.0
        """
        m = len(self.scores)
        possible = np.arange(1, m + 2) / (m + 1)  # p-values, by the number of calibration scores at or above
        allowed = int(np.searchsorted(possible, self.level(alpha), side="right")) - 1
        return float(self.scores[m - 1 - allowed]) if allowed < m else -math.inf
