"""A score told cell by cell: parts that keep its sum."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

CONSTANT = "constant"
"""What a score has whatever its sample is, (n, 1): it belongs to no cell, and is spread evenly over all."""


def scaled(parts: NDArray[np.floating[Any]], totals: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Parts (n, d) multiplied so that each row sums to its total (n,); where they sum to 0, even parts.

    >>> scaled(np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([8.0, 8.0]))
    array([[2., 6.],
           [4., 4.]])
    """
    sums = parts.sum(axis=1)
    usable = np.isfinite(sums) & (sums != 0) & np.isfinite(totals)
    factor = np.divide(totals, sums, out=np.zeros(len(sums)), where=usable)
    even = (totals / parts.shape[1])[:, None]
    kept = np.where(usable[:, None], parts, 0) * factor[:, None]
    return np.asarray(np.where(usable[:, None], kept, even))


def on_observed(parts: NDArray[np.floating[Any]], observed: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Parts (n, d) with what fell on unobserved cells spread evenly over the observed ones of the same sample.

    >>> on_observed(np.array([[1.0, 3.0, 2.0]]), np.array([[True, True, False]]))
    array([[2., 4., 0.]])
    """
    if observed is None:
        return parts.astype(np.float64)
    lost = np.where(observed, 0.0, parts).sum(axis=1) / np.maximum(observed.sum(axis=1), 1)
    return np.where(observed, parts + lost[:, None], 0.0)
