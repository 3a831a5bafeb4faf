"""What the bands of an image say about each other, pixel by pixel."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray

Cells = Float64[np.ndarray, "n bands h w"]
Known = Bool[np.ndarray, "n bands h w"]
Surprise = Callable[[Cells, Cells], Cells]

SMALLEST_SHARE = 1e-3
"""Of a band's variance, added to it: bands that are copies of each other are told apart by no less than this."""

FARTHEST = 25.0
"""Largest square of a pixel: a few broken pixels do not make a band broken."""

FEWEST = 3
"""Of two bands that disagree neither is the broken one."""

DEVIATIONS = 3.5
"""Robust standard deviations from the usual disagreement, on a logarithmic scale, that make a band broken."""

NORMAL_MAD = 1.4826


@dataclass(frozen=True)
class Covariance:
    """How cells of one pixel vary together across bands: a Gaussian law of mean 0.

    >>> law = Covariance(np.array([[1.0, 0.5], [0.5, 1.0]]))
    >>> cells, known = np.array([[2.0, 9.0]]).reshape(1, 2, 1, 1), np.array([[True, False]]).reshape(1, 2, 1, 1)
    >>> law.expected(cells, known).ravel().tolist()
    [0.0, 1.0]
    """

    matrix: Float64[np.ndarray, "bands bands"]

    @classmethod
    def of(cls, cells: Cells, known: Known) -> "Covariance":
        """Learn from cells about 0, those that are not known left out."""
        flat, seen = (np.moveaxis(array, 1, -1).reshape(-1, cells.shape[1]) for array in (cells * known, known))
        counts = np.maximum(seen.T.astype(float) @ seen, 1)
        matrix = flat.T @ flat / counts
        return cls(matrix + np.diag(SMALLEST_SHARE * np.diag(matrix) + np.finfo(np.float32).tiny))

    def expected(self, cells: Cells, known: Known) -> Cells:
        """Mean of each cell given the known cells in the other bands of its pixel; 0 where none is known."""
        result = np.zeros(cells.shape)
        pattern = sum(known[:, band].astype(np.int64) << band for band in range(cells.shape[1]))
        for number in np.unique(pattern).tolist():
            here = pattern == number
            bands = [band for band in range(cells.shape[1]) if number >> band & 1]
            for band in range(cells.shape[1]):
                weights = self.weights(band, [other for other in bands if other != band])
                # sums of bands one by one: a matrix product's last bits depend on how many pixels there are
                result[:, band][here] = sum((w * cells[:, other][here] for other, w in weights.items()), start=0.0)
        return result

    def weights(self, band: int, others: list[int]) -> dict[int, float]:
        """E[cell | others] = sum of weight times other."""
        if not others:
            return {}
        solved = np.linalg.solve(self.matrix[np.ix_(others, others)], self.matrix[others, band])
        return dict(zip(others, solved.tolist(), strict=True))


@dataclass(frozen=True)
class Agreement:
    """Whether the bands of an image show the same thing: tells a band that is off while the others agree.

    A band is left out, foretold from the others' colours, and the image so completed is looked at by the autoencoder:
    the band is off where it is unlike what then is expected of it, and the others are like what is expected of them.

    mean : (bands,) of the training pixels
    covariance : of the training pixels about it
    own, rest : (bands,) largest usual distance of a band from what is expected without it, and of the others then
    """

    mean: Float64[np.ndarray, " bands"]
    covariance: Covariance
    own: Float64[np.ndarray, " bands"]
    rest: Float64[np.ndarray, " bands"]

    @classmethod
    def of(cls, values: Cells, observed: Known, surprise: Surprise) -> "Agreement":
        """Learn from prepared images.

        surprise : (images, images as the autoencoder sees them) -> residuals in units of their usual spread
        """
        counts = np.maximum(observed.sum(axis=(0, 2, 3)), 1)
        mean = (values * observed).sum(axis=(0, 2, 3)) / counts
        covariance = Covariance.of((values - mean[:, None, None]) * observed, observed)
        agreement = cls(mean, covariance, np.full(len(mean), np.inf), np.full(len(mean), np.inf))
        if len(mean) < FEWEST:
            return agreement
        found = agreement.distances(values, observed, surprise)
        return cls(mean, covariance, *(largest_usual(distances) for distances in found))

    def filled(self, values: Cells, known: Known) -> Cells:
        """What the known bands of each pixel say of all its bands."""
        mean = self.mean[:, None, None]
        return mean + self.covariance.expected((values - mean) * known, known)

    def distances(
        self, values: Cells, observed: Known, surprise: Surprise
    ) -> tuple[Float64[np.ndarray, "n bands"], Float64[np.ndarray, "n bands"]]:
        """Of each band from what is expected without it, and of the others from what is expected then."""
        n, bands = values.shape[:2]
        own, rest = np.zeros((n, bands)), np.zeros((n, bands))
        for band in range(bands):
            known = observed.copy()
            known[:, band] = False
            off = surprise(values, np.where(known, values, self.filled(values, known)))
            squares = mean_square(off, observed)
            own[:, band] = squares[:, band]
            rest[:, band] = np.delete(squares, band, axis=1).mean(axis=1)
        return own, rest

    def broken(self, values: Cells, observed: Known, surprise: Surprise) -> Bool[np.ndarray, "n bands"]:
        """Tell which band of each image is off."""
        n, bands = values.shape[:2]
        off = np.zeros((n, bands), bool)
        if bands < FEWEST or not n:
            return off
        own, rest = self.distances(values, observed, surprise)
        culprit = (rest / self.rest).argmin(axis=1)
        rows = np.arange(n)
        off[rows, culprit] = (own / self.own)[rows, culprit] > 1
        off[rows, culprit] &= (rest / self.rest)[rows, culprit] <= 1
        return off

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learned."""
        return {"mean": self.mean, "matrix": self.covariance.matrix, "own": self.own, "rest": self.rest}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> "Agreement":
        """Take back what `arrays` gave."""
        return cls(arrays["mean"], Covariance(arrays["matrix"]), arrays["own"], arrays["rest"])


def mean_square(off: Cells, observed: Known) -> Float64[np.ndarray, "n bands"]:
    """Mean square of each band over its observed cells, none of which counts for more than `FARTHEST`."""
    counts = np.maximum(observed.sum(axis=(2, 3)), 1)
    return (np.minimum(np.square(off), FARTHEST) * observed).sum(axis=(2, 3)) / counts


def largest_usual(distances: Float64[np.ndarray, "n bands"]) -> Float64[np.ndarray, " bands"]:
    """Some robust standard deviations above the middle, on a logarithmic scale."""
    logs = np.log(distances + np.finfo(np.float32).tiny)
    middle = np.median(logs, axis=0)
    return np.exp(middle + DEVIATIONS * NORMAL_MAD * np.median(np.abs(logs - middle), axis=0))
