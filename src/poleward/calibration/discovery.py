"""Which of many samples to call anomalies so that few of those called are normal (Benjamini and Hochberg 1995).

Conformal p-values of one calibration set depend on each other, but positively (PRDS), so that the procedure keeps its
promise: the expected share of normal samples among those called is at most the rate asked for (Bates et al. 2023,
theorem 2). Ties count against a sample and do no harm.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.errors import SettingError


class Discoveries:
    """The procedure for p-values that come piece by piece: it keeps how often each of the m + 1 possible ones came.

    Parameters
    ----------
    n_calibration : m, the calibration scores behind the p-values
    rate : in (0, 1), the false discovery rate to keep

    Errors
    ------
    SettingError for a rate outside.

    >>> found = Discoveries(n_calibration=99, rate=0.1)
    >>> found.add(np.array([0.01, 0.02, 0.04, 0.5]))
    >>> found.level()  # 0.02 <= 0.1 * 2/4, but 0.04 <= 0.1 * 3/4 as well
    0.04
    """

    def __init__(self, n_calibration: int, rate: float) -> None:
        require_rate(rate)
        self.m = n_calibration
        self.rate = rate
        self.counts = np.zeros(n_calibration + 2, np.int64)

    def add(self, p_values: NDArray[np.floating[Any]]) -> None:
        """Take in some more p-values, each k / (m + 1)."""
        self.counts += np.bincount(np.rint(p_values * (self.m + 1)).astype(np.int64), minlength=self.m + 2)

    @property
    def n(self) -> int:
        """How many p-values came."""
        return int(self.counts.sum())

    def level(self) -> float:
        """The largest p with p <= rate R(p) / n, R(p) the number of p-values up to p; 0 where there is none.

        Samples with p-values up to it are the discoveries.
        """
        k = np.arange(self.m + 2)
        kept = (self.counts > 0) & (k * self.n <= self.rate * (np.cumsum(self.counts) * (self.m + 1)))
        return float(k[kept].max(initial=0) / (self.m + 1))

    def warning(self) -> str | None:
        """Why nothing was found, where the calibration samples were too few to show one discovery by itself."""
        together = fewest_together(self.n, self.m, self.rate)
        if self.level() > 0 or together <= 1:
            return None
        needed = math.ceil(self.n / self.rate) - 1
        possible = (
            f"at least {together:,} samples above all calibration scores would have to be found together"
            if together <= self.n
            else "no sample can be found"
        )
        return (
            f"{self.m:,} calibration samples are few for a false discovery rate of {self.rate:g} among {self.n:,}:"
            f" {possible}; {needed:,} would be needed to show a single one"
        )


def fewest_together(n: int, m: int, rate: float) -> int:
    """How many of n samples must have the lowest p-value 1/(m + 1) for any to be a discovery: n / (rate (m + 1)).

    >>> fewest_together(1000, 99, 0.1)
    100
    """
    return math.ceil(round(n / (rate * (m + 1)), 9))


def require_rate(rate: float) -> None:
    """SettingError for what is no false discovery rate."""
    if not 0 < rate < 1:
        raise SettingError(f"fdr = {rate!r}: accepted is a number between 0 and 1")
