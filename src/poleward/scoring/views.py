"""What the points are that neighbours are sought among: as they are, on the sphere, or whitened."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

COMPONENTS = 64
"""Principal components kept by the whitened view."""

SAMPLES_PER_COMPONENT = 5
"""Fewer would lie all at the same distance from each other, once whitened."""

SMALLEST_VARIANCE = 1e-6
"""Components with less than this share of the largest variance are left out: whitening would blow up their noise."""


class Plain:
    """Points as they are."""

    def fit(self, points: NDArray[np.floating[Any]]) -> "Plain":
        """Nothing to learn."""
        return self

    def __call__(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """(n, d) -> (n, d)."""
        return points

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Nothing learned."""
        return {}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Plain":
        """Nothing to restore."""
        return self


class Sphere(Plain):
    """Points projected onto the unit sphere, v / |v|; the origin stays."""

    def __call__(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(n, d) -> (n, d).

        >>> Sphere()(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]])
        """
        wide = points.astype(np.float64)
        length = np.sqrt(np.einsum("nd,nd->n", wide, wide))[:, None]
        return wide / np.where(length > 0, length, 1)


class Whitened(Plain):
    """Principal components in units of their standard deviation: (v - mean) W / s.

    At most 64 components, and one for every 5 samples.

    seed : of the randomised decomposition that large inputs get
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.mean: NDArray[np.floating[Any]]
        self.axes: NDArray[np.floating[Any]]

    def fit(self, points: NDArray[np.floating[Any]]) -> "Whitened":
        """Learn mean and axes from (n, d)."""
        n_components = max(1, min(COMPONENTS, len(points) // SAMPLES_PER_COMPONENT, points.shape[1]))
        with np.errstate(invalid="ignore"):  # shares of the variance of points that are all the same; not used here
            pca = PCA(n_components, random_state=self.seed).fit(points)
        kept = pca.explained_variance_ > SMALLEST_VARIANCE * pca.explained_variance_[0]
        kept[0] = True
        scale = np.sqrt(np.where(pca.explained_variance_ > 0, pca.explained_variance_, 1))
        self.mean = pca.mean_
        self.axes = np.ascontiguousarray((pca.components_ / scale[:, None])[kept].T)
        return self

    def __call__(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """(n, d) -> (n, components), with variance 1 along each on the training samples."""
        result: NDArray[np.floating[Any]] = (points - self.mean) @ self.axes
        return result

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Mean (d,) and axes (d, components)."""
        return {"mean": self.mean, "axes": self.axes}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Whitened":
        """Take back what `arrays` gave."""
        self.mean, self.axes = arrays["mean"], arrays["axes"]
        return self
