"""What the points are that a scorer compares: as they are, on the sphere, whitened, or standardised."""

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

NARROWEST = 1e-3
"""Axes with less than this share of the widest one's standard deviation are left out of the standardised view."""

LARGEST_ASINH = 100.0
"""Its hyperbolic sine, 1e43, can still be squared."""


class Plain:
    """Points as they are."""

    def fit(self, points: NDArray[np.floating[Any]]) -> "Plain":
        """Nothing to learn."""
        return self

    def __call__(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """(n, d) -> (n, d)."""
        return points

    def parts(
        self,
        points: NDArray[np.floating[Any]],
        near: NDArray[np.floating[Any]],
        precision: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Parts (n, d) of the squared distances between points (n, d) and what the view made of others (n, c).

        For e = view(x) - near, the distance e.P.e has the parts e_i (P e)_i: the Shapley values of the quadratic, and
        its integrated gradients along the straight line. Of several ways to keep the sum this is the one that gives
        a part to no axis that did not move; a part is negative where an axis moved towards what the others expect.

        precision : P (c, c); the identity when None, and the parts are e_i^2
        """
        difference = self(points).astype(np.float64) - near
        return difference * _weighed(difference, precision)

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


class Unsqueezed(Plain):
    """Heavy-tailed columns back on their own linear scale, every column in units of its standard deviation.

    The asinh that lets a network learn such columns hides how far out a value lies; neighbours need not be spared that.

    squeezed : (3, d) of every cell: whether t = v deviation + mean is an asinh, the mean, the deviation; None for none
    """

    def __init__(self, squeezed: NDArray[np.float64] | None) -> None:
        self.squeezed = squeezed
        self.deviation: NDArray[np.float64]

    def fit(self, points: NDArray[np.floating[Any]]) -> "Unsqueezed":
        """Learn the standard deviations of (n, d)."""
        found = self._linear(points).std(axis=0)
        self.deviation = np.where(found > 0, found, 1.0)
        return self

    def __call__(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(n, d) -> (n, d)."""
        return self._linear(points) / self.deviation

    def _linear(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        wide = points.astype(np.float64)
        if self.squeezed is None:
            return wide
        is_asinh, mean, deviation = self.squeezed
        t = np.clip(wide * deviation + mean, -LARGEST_ASINH, LARGEST_ASINH)
        return np.where(is_asinh > 0, np.sinh(t), wide)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Standard deviations (d,)."""
        return {"deviation": self.deviation}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Unsqueezed":
        """Take back what `arrays` gave."""
        self.deviation = arrays["deviation"]
        return self


class Linear(Plain):
    """(v - mean) W, with a mean and axes that a subclass learns."""

    mean: NDArray[np.floating[Any]]
    axes: NDArray[np.floating[Any]]

    def __call__(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """(n, d) -> (n, axes)."""
        result: NDArray[np.floating[Any]] = (points - self.mean) @ self.axes
        return result

    def parts(
        self,
        points: NDArray[np.floating[Any]],
        near: NDArray[np.floating[Any]],
        precision: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """As for `Plain`, pulled back through the axes: D_j (W P e)_j for D = x - y and e = D W.

        Of all points that the view maps on near, y is the one nearest to the mean. The other choice, parts by the
        squared axes W_jc^2, is never negative, but spreads every difference over all cells that an axis knows.
        """
        axes = self.axes.astype(np.float64)
        difference = points.astype(np.float64) - (self.mean + near @ np.linalg.pinv(axes))
        return difference * (_weighed(difference @ axes, precision) @ axes.T)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Mean (d,) and axes (d, number of axes)."""
        return {"mean": self.mean, "axes": self.axes}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Linear":
        """Take back what `arrays` gave."""
        self.mean, self.axes = arrays["mean"], arrays["axes"]
        return self


class Whitened(Linear):
    """Principal components in units of their standard deviation: (v - mean) W / s.

    One component for every 5 samples at most; variance 1 along each on the training samples.

    seed : of the randomised decomposition that large inputs get
    most : components at most
    """

    def __init__(self, seed: int = 0, most: int = COMPONENTS) -> None:
        self.seed = seed
        self.most = most

    def fit(self, points: NDArray[np.floating[Any]]) -> "Whitened":
        """Learn mean and axes from (n, d)."""
        pca = principal_components(points, self.most, self.seed)
        kept = pca.explained_variance_ > SMALLEST_VARIANCE * pca.explained_variance_[0]
        kept[0] = True
        scale = np.sqrt(np.where(pca.explained_variance_ > 0, pca.explained_variance_, 1))
        self.mean = pca.mean_
        self.axes = np.ascontiguousarray((pca.components_ / scale[:, None])[kept].T)
        return self


class Standardised(Linear):
    """Every axis in units of its standard deviation; of more than 64 axes, the leading principal components of these.

    An axis with less than a thousandth of the widest one's standard deviation is left out.

    seed : of the randomised decomposition that large inputs get
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, points: NDArray[np.floating[Any]]) -> "Standardised":
        """Learn mean and axes from (n, d)."""
        self.mean, deviation = points.mean(axis=0), points.std(axis=0)
        alive = deviation > NARROWEST * deviation.max()
        alive[np.argmax(deviation)] = True
        scale = 1 / np.where(deviation > 0, deviation, 1)[alive]
        if len(scale) > COMPONENTS:
            pca = principal_components((points - self.mean)[:, alive] * scale, COMPONENTS, self.seed)
            axes = scale[:, None] * pca.components_.T
        else:
            axes = np.diag(scale)
        self.axes = np.zeros((len(alive), axes.shape[1]), points.dtype)
        self.axes[alive] = axes
        return self


def principal_components(points: NDArray[np.floating[Any]], most: int, seed: int) -> PCA:
    """scikit-learn's PCA with at most so many components, and one for every 5 samples, fitted to (n, d)."""
    n_components = max(1, min(most, len(points) // SAMPLES_PER_COMPONENT, points.shape[1]))
    with np.errstate(invalid="ignore"):  # shares of the variance of points that are all the same; not used here
        return PCA(n_components, random_state=seed).fit(points)


def _weighed(difference: NDArray[np.float64], precision: NDArray[np.float64] | None) -> NDArray[np.float64]:
    return difference if precision is None else difference @ precision
