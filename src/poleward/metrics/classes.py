"""How well predicted classes and their confidence agree with known ones."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

N_BINS = 15


def accuracy(true: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of the samples whose class is the predicted one; NaN for none.

    >>> accuracy(["a", "b"], ["a", "a"])
    0.5
    """
    return float(np.mean(_right(true, predicted))) if len(true) else float("nan")


def balanced_accuracy(true: Sequence[str], predicted: Sequence[str]) -> float:
    """Mean over the classes of the share of their samples that is recognised; NaN for none.

    >>> balanced_accuracy(["a", "a", "a", "b"], ["a", "a", "a", "a"])
    0.5
    """
    names, right = np.array(true), _right(true, predicted)
    shares = [right[names == name].mean() for name in np.unique(names)]
    return float(np.mean(shares)) if shares else float("nan")


def calibration_error(true: Sequence[str], predicted: Sequence[str], confidence: Float[np.ndarray, " n"]) -> float:
    """Expected calibration error (Guo et al. 2017): sum_b n_b/n |accuracy_b - confidence_b| over 15 bins of confidence.

    >>> calibration_error(["a", "b"], ["a", "a"], np.array([0.75, 0.75]))
    0.25
    """
    if not len(true):
        return float("nan")
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    gaps = np.bincount(bins, _right(true, predicted) - confidence, minlength=N_BINS)
    return float(np.abs(gaps).sum() / len(true))


def _right(true: Sequence[str], predicted: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([a == b for a, b in zip(true, predicted, strict=True)], bool)
