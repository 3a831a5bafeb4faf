"""The latent island: where the training samples' codes lie, as a density to draw new codes from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Island:
    """The Gaussian with the mean and covariance of the training samples' codes.

    Fitted after training, it serves every objective alike (Ghosh et al. 2020); for a spherical one the codes are
    taken on
    their sphere, and draws are projected back onto it by the decoder.

    mean : (k,); root : (k, k) symmetric square root of the covariance
    """

    mean: NDArray[np.float64]
    root: NDArray[np.float64]

    @classmethod
    def of(cls, codes: NDArray[np.floating[Any]]) -> "Island":
        """The island of codes (n, k), n at least 2.

        >>> Island.of(np.array([[0.0, 1.0], [2.0, 1.0]])).mean
        array([1., 1.])
        """
        wide = codes.astype(np.float64)
        values, vectors = np.linalg.eigh(np.cov(wide, rowvar=False))
        return cls(wide.mean(axis=0), (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)

    def draw(self, n: int, seed: int) -> NDArray[np.float64]:
        """n codes (n, k)."""
        return np.asarray(self.mean + np.random.default_rng(seed).standard_normal((n, len(self.mean))) @ self.root)
