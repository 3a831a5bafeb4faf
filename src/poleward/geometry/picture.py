"""Codes of any dimension as points of the sphere that people can look at.

Source: METHOD section 2, "Picture", after Ascarate et al. (arXiv 2601.18823).
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from poleward.errors import SettingError

BLOCKS = 3


def block_starts(n_latent: int) -> NDArray[np.int64]:
    """Where the three blocks of consecutive coordinates begin.

    n_latent : k, at least 3

    >>> block_starts(256)  # 85, 85 and 86 of them
    array([  0,  85, 170])
    """
    if n_latent < BLOCKS:
        raise SettingError(
            f"a picture on the sphere needs codes of at least {BLOCKS} dimensions; these have {n_latent}"
        )
    return np.arange(BLOCKS) * n_latent // BLOCKS


def on_sphere(codes: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n 3"]:
    """Points on the unit sphere: the mean of each of three consecutive blocks of coordinates, normalised.

    ``p = b / |b|,   b_i = mean of the code's i-th block of coordinates``

    Parameters
    ----------
    codes : (n, k), any unit, k at least 3

    Returns
    -------
    (n, 3) of length 1; a code whose three means are all 0 has no direction and stays at the origin.

    Errors
    ------
    SettingError when k < 3.

    Source: METHOD section 2, "Picture".

    >>> on_sphere(np.array([[3.0, 1.0, 5.0, -5.0, 0.0, 0.0]]))
    array([[1., 0., 0.]])
    """
    starts = block_starts(codes.shape[1])
    largest = np.abs(codes).max(axis=1, keepdims=True, initial=0.0)  # so that no square overflows
    scaled = codes.astype(np.float64) / np.where(largest > 0, largest, 1.0)
    sums: NDArray[Any] = np.add.reduceat(scaled, starts, axis=1)
    means = sums / np.diff(starts, append=codes.shape[1])
    length = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.where(length > 0, length, 1.0))
