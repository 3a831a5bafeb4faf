"""What an image shows beside its brightness: every pixel against its surroundings, and weighed by what it can tell."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from poleward.scoring.views import Plain, Whitened, principal_components

SIDE = 32
"""Images are averaged down to at most so many pixels a side."""

SURROUNDINGS = 1 / 8
"""Standard deviation of the Gaussian that says what surrounds a pixel, as a share of the shorter side."""

FLOOR = 0.01
"""Contrast, in prepared units, below which a region is called flat and not amplified further."""

COMPONENTS = 32
MOST_TO_PREDICT = 2000
"""Principal components from which, and images at most on which, a pixel's predictability is measured."""


def pooled(images: NDArray[np.floating[Any]], side: int = SIDE) -> NDArray[np.floating[Any]]:
    """Images (n, bands, h, w) averaged over blocks of nearly equal size, until h and w are at most ``side``.

    >>> pooled(np.arange(4.0).reshape(1, 1, 1, 4), side=2)
    array([[[[0.5, 2.5]]]])
    """
    for axis in (2, 3):
        size = images.shape[axis]
        if size > side:
            starts = np.arange(side) * size // side
            sums = np.add.reduceat(images, starts, axis=axis)
            lengths = np.diff(np.append(starts, size)).astype(images.dtype)
            images = sums / np.expand_dims(lengths, tuple(range(1, images.ndim - axis)))
    return images


def unpooled(maps: NDArray[np.floating[Any]], height: int, width: int) -> NDArray[np.floating[Any]]:
    """Maps (n, bands, h, w) over the blocks of `pooled`, every block's value spread evenly over its pixels.

    >>> unpooled(np.array([[[[2.0, 8.0]]]]), height=1, width=4)
    array([[[[1., 1., 4., 4.]]]])
    """
    for axis, size in ((2, height), (3, width)):
        starts = np.arange(maps.shape[axis]) * size // maps.shape[axis]
        lengths = np.diff(np.append(starts, size))
        maps = np.repeat(maps / np.expand_dims(lengths, tuple(range(1, maps.ndim - axis))), lengths, axis=axis)
    return maps


def local_contrast(images: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """c = (x - m) / sqrt(v + 0.01^2): pixels (n, bands, h, w) against the mean m of their surroundings.

    m is a Gaussian mean over a neighbourhood, v that of (x - m)^2, averaged over the bands.
    """
    width = SURROUNDINGS * min(images.shape[2:])
    difference = images - gaussian_filter(images, (0, 0, width, width))
    variance = gaussian_filter(np.square(difference).mean(axis=1, keepdims=True), (0, 0, width, width))
    return difference / np.sqrt(variance + FLOOR**2)


def predictability(cells: NDArray[np.floating[Any]], seed: int) -> NDArray[np.floating[Any]]:
    """Share of each cell's variance, (d,) in [0, 1], that 32 principal components of two thirds of the samples (n, d)
    explain on the others: near 0 where there is noise, or whatever stands there by chance."""
    order = np.random.default_rng(seed).permutation(len(cells))
    unmet, met = np.array_split(order, [max(1, len(order) // 3)])
    pca = principal_components(cells[met], COMPONENTS, seed)
    some = cells[unmet[:MOST_TO_PREDICT]]
    error = np.square(some - pca.inverse_transform(pca.transform(some))).mean(axis=0)
    variance = np.square(some - pca.mean_).mean(axis=0)
    return np.clip(1 - error / np.where(variance > 0, variance, 1), 0, 1) * (variance > 0)


class Weighed(Plain):
    """Whitened principal components of an image, every pixel weighted by the square of its predictability.

    What surrounds an object by chance hardly counts.

    Parameters
    ----------
    shape : (bands, height, width) of the images whose flattened pixels the points are
    seed : of the choice of samples and the decompositions
    """

    def __init__(self, shape: Sequence[int], seed: int = 0) -> None:
        self.shape = tuple(shape)
        self.seed = seed
        self.whitened = Whitened(seed)
        self.weights: NDArray[np.floating[Any]]

    def fit(self, points: NDArray[np.floating[Any]]) -> "Weighed":
        """Learn weights and axes from (n, d)."""
        cells = self._cells(points)
        weights = np.square(predictability(cells, self.seed))
        self.weights = (weights if weights.any() else np.ones_like(weights)).astype(cells.dtype)
        self.whitened.fit(cells * self.weights)
        return self

    def __call__(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """(n, d) -> (n, components)."""
        return self.whitened(self._cells(points) * self.weights)

    def parts(
        self,
        points: NDArray[np.floating[Any]],
        near: NDArray[np.floating[Any]],
        precision: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """As for `Linear`: what a pixel's contrast is given goes to that pixel itself, not to its surroundings."""
        return onto_pixels(self.whitened.parts(self._cells(points) * self.weights, near, precision), self.shape)

    def _cells(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """(n, d) -> (n, pixels of the pooled image)."""
        return pooled(points.reshape(len(points), *self.shape)).reshape(len(points), -1)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Weights of the pooled pixels, and the axes."""
        return {"weights": self.weights} | self.whitened.arrays()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Weighed":
        """Take back what `arrays` gave."""
        self.weights = arrays["weights"]
        self.whitened.restore(arrays)
        return self


class Contrast(Weighed):
    """The same of local contrast: brightness and shading no longer drown the shape."""

    def _cells(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        return contrast_cells(points, self.shape)


def contrast_cells(points: NDArray[np.floating[Any]], shape: Sequence[int]) -> NDArray[np.floating[Any]]:
    """Local contrast (n, pixels of the pooled image) of flattened images (n, d) of a shape (bands, height, width)."""
    images = pooled(points.reshape(len(points), *shape))
    return local_contrast(images).reshape(len(points), -1)


def onto_pixels(parts: NDArray[np.floating[Any]], shape: Sequence[int]) -> NDArray[np.float64]:
    """Parts (n, pixels of the pooled image) of a sum, spread over the pixels (n, d) of images of a shape."""
    maps = parts.reshape(len(parts), *pooled_shape(shape))
    return np.asarray(unpooled(maps, *shape[1:]).reshape(len(parts), -1), np.float64)


def pooled_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """(bands, height, width) that `pooled` leaves of a shape.

    >>> pooled_shape((3, 64, 20))
    (3, 32, 20)
    """
    bands, height, width = shape
    return bands, min(height, SIDE), min(width, SIDE)
