"""Which samples train the network, which of them the scorer keeps, and which are kept aside for calibration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_CALIBRATED = 20_000
"""Samples kept aside of more than are held in memory: the share of false alarms at level 0.01 is then right to within
0.0007, one standard deviation."""


@dataclass(frozen=True)
class Shares:
    """Row numbers, each ascending.

    trained : what the network is trained on
    reference : those of them that preparation and scorer learn from, and that the scorer keeps
    kept_aside : the others, for calibration
    """

    trained: NDArray[np.int64]
    reference: NDArray[np.int64]
    kept_aside: NDArray[np.int64]

    @classmethod
    def of(cls, n_samples: int, calibration_share: float, most: int, seed: int) -> "Shares":
        """Shares at random; with more samples than ``most``, the reference is at most so many.

        >>> shares = Shares.of(1000, 0.15, most=500, seed=0)
        >>> [len(part) for part in (shares.trained, shares.reference, shares.kept_aside)]
        [850, 500, 150]
        """
        most_aside = MOST_CALIBRATED if n_samples > most else n_samples
        trained, kept_aside = split(n_samples, calibration_share, seed, most_aside)
        if len(trained) <= most:
            return cls(trained, trained, kept_aside)
        chosen = np.random.default_rng([seed, n_samples, most]).choice(len(trained), most, replace=False)
        return cls(trained, trained[np.sort(chosen)], kept_aside)


def split(
    n_samples: int, calibration_share: float, seed: int, most_aside: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train on and rows kept aside for calibration, at random; at least two and one.

    most_aside : at most so many are kept aside

    >>> [len(part) for part in split(100, 0.15, seed=0)]
    [85, 15]
    """
    order = np.random.default_rng([seed, n_samples]).permutation(n_samples)
    n_aside = min(max(1, round(calibration_share * n_samples)), n_samples - 2, most_aside or n_samples)
    return np.sort(order[n_aside:]), np.sort(order[:n_aside])
