"""Has a stream moved? Batches are compared with what calibration has seen, with few false alarms over all time.

A batch is compared with the reference by the two-sample test of Kolmogorov and Smirnov, in its scores and in every
column. The t-th batch is tested at

    alpha_t = alpha 6 / (pi^2 t^2),   sum_t alpha_t = alpha,

so that the chance of any false alarm, ever, is at most alpha, however the batches depend on each other and on the
reference that they share. Within a batch half of alpha_t is for the scores, half for the columns (Holm 1979).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from poleward.errors import SettingError
from poleward.records import Drift


def level_of(number: int, alpha: float) -> float:
    """alpha_t of the batch with that number, from 1.

    >>> round(sum(level_of(t, 0.01) for t in range(1, 10_000)), 4)
    0.01

    Errors
    ------
    SettingError for a number below 1 or an alpha outside (0, 1).
    """
    if number < 1:
        raise SettingError(f"batch {number}: batches are counted from 1")
    if not 0 < alpha < 1:
        raise SettingError(f"alpha = {alpha!r}: accepted is a number between 0 and 1")
    return alpha * 6 / (math.pi * number) ** 2


def same_law(batch: NDArray[np.floating[Any]], reference: NDArray[np.floating[Any]]) -> float:
    """p-value of both coming from one law, in (0, 1]; exact where both are small, ties make it larger.

    >>> same_law(np.arange(30.0), np.arange(30.0)), same_law(np.arange(30.0), np.arange(30.0) + 99) < 1e-9
    (1.0, True)
    """
    return float(ks_2samp(batch, reference).pvalue)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """p-values adjusted for there being several of them: those up to a level are wrong with at most that chance.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure" (1979).

    >>> holm(np.array([0.01, 0.5, 0.03])).tolist()
    [0.03, 0.5, 0.06]
    """
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    return np.minimum(adjusted, 1)


def drift(
    scores: NDArray[np.floating[Any]],
    calibration: NDArray[np.floating[Any]],
    columns: Sequence[str],
    values: NDArray[np.floating[Any]],
    reference: NDArray[np.floating[Any]],
    number: int,
    alpha: float,
) -> Drift:
    """What one batch says.

    Parameters
    ----------
    scores, calibration : (n,), (m,) of the batch and of the calibration samples
    columns : names
    values, reference : (n, columns), (r, columns) of the batch and of samples like those of calibration
    number : t, from 1
    alpha : in (0, 1), the chance of any false alarm over all batches

    Errors
    ------
    SettingError for an empty batch, and as for `level_of`.
    """
    if not len(scores):
        raise SettingError("the batch is empty; nothing can be said of it")
    level = level_of(number, alpha)
    p_value = same_law(scores, calibration)
    adjusted = holm(np.array([same_law(values[:, j], reference[:, j]) for j in range(len(columns))]))
    moved = tuple(name for name, p in zip(columns, adjusted, strict=True) if p <= level / 2)
    return Drift(
        number=number,
        n_samples=len(scores),
        level=level,
        p_value=p_value,
        column_p_values=dict(zip(columns, adjusted.tolist(), strict=True)),
        moved=moved,
        has_moved=p_value <= level / 2 or bool(moved),
    )
