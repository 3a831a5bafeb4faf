"""Small regions of an image that are unlike any region of the training images."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from poleward.records import Encoded
from poleward.scoring.contrast import contrast_cells, onto_pixels, pooled_shape
from poleward.scoring.scorer import Scorer
from poleward.scoring.shares import on_observed
from poleward.scoring.views import Whitened

PATCH = 8
STRIDE = 4
"""Pixels of a patch's side, and from one patch to the next."""

COMPONENTS = 16
"""Principal components of a patch: more of them would be noise."""

PATCHES_TO_LEARN = 20_000
IMAGES_TO_PLACE = 1000
"""Training patches and images, at most, from which the usual patch and the usual distance at a place are learned."""

SHARE = 0.25
"""Of an image's patches, the most unusual, over which the score is the mean."""

SMALLEST_DEVIATION = 0.05

SMALLEST_EXCESS = 1e-6
"""Nearer to the usual distance, the logarithm is a straight line."""


class Patches(Scorer):
    """score(x) = mean of the largest quarter of (ln D_p(x) - m_p) / d_p over places p of the image.

    D_p is the Mahalanobis distance of the 8 x 8 patch at p, in local contrast, from the training images' patches of all
    places; m_p and d_p are mean and deviation of its logarithm at this place over training images.

    Parameters
    ----------
    shape : (bands, height, width) of the prepared images
    seed : of the choice of patches
    """

    needs = learns = frozenset({"inputs"})

    def __init__(self, shape: Sequence[int], seed: int = 0) -> None:
        self.shape = tuple(shape)
        self.seed = seed
        self.whitened = Whitened(seed, COMPONENTS)
        self.places: NDArray[np.float64]  # (2, places): mean and deviation

    def fit(self, encoded: Encoded) -> "Patches":
        """Learn the usual patch, and how unusual each place is."""
        inputs = _inputs(encoded)
        some = np.random.default_rng(self.seed).permutation(len(inputs))[:IMAGES_TO_PLACE]
        patches = self._patches(inputs[np.sort(some)])
        flat = patches.reshape(-1, patches.shape[2])
        few = np.random.default_rng(self.seed).permutation(len(flat))[:PATCHES_TO_LEARN]
        self.whitened.fit(flat[few])
        logs = self._logarithms(patches)
        self.places = np.stack([logs.mean(axis=0), np.maximum(logs.std(axis=0), SMALLEST_DEVIATION)])
        return self

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean standardised logarithms (n,)."""
        mean, deviation = self.places
        unusual = (self._logarithms(self._patches(_inputs(encoded))) - mean) / deviation
        return np.asarray(np.sort(unusual, axis=1)[:, -self._kept :].mean(axis=1))

    def contributions(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """The terms of the patches that count, each over its own pixels.

        Within a patch D_p^2 has the parts of `Linear.parts`; less the usual exp(2 m_p), spread evenly over the patch,
        they are multiplied by what ln D_p - m_p is for each unit of their sum. The other choice, a patch's term
        spread evenly over all its pixels, would be coarser.
        """
        patches = self._patches(_inputs(encoded))
        places, cells = patches.shape[1:]
        mean, deviation = self.places
        logs = self._logarithms(patches)
        counts = np.argsort(np.argsort((logs - mean) / deviation, axis=1), axis=1) >= places - self._kept
        flat = patches.reshape(-1, cells)
        parts = self.whitened.parts(flat, np.zeros((1, self.whitened.axes.shape[1]))).reshape(patches.shape)
        usual = np.exp(2 * mean)
        excess = np.exp(2 * (logs - mean)) - 1
        slope = np.divide(logs - mean, excess, out=np.full(logs.shape, 0.5), where=np.abs(excess) > SMALLEST_EXCESS)
        slope *= counts / (usual * deviation * self._kept)
        parts *= slope[:, :, None]
        rest = counts * (logs - mean) / deviation / self._kept - parts.sum(axis=2)
        maps = self._assembled(parts + rest[:, :, None] / cells)
        return {"inputs": on_observed(onto_pixels(maps, self.shape), encoded.observed)}

    @property
    def _kept(self) -> int:
        """How many patches count."""
        return max(1, round(SHARE * int(self.places.shape[1])))

    def _assembled(self, patches: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over patches (n, places, cells) at the pixels (n, bands, h, w) that they were cut from."""
        bands, height, width = pooled_shape(self.shape)
        tall, wide = min(PATCH, height), min(PATCH, width)
        maps = np.zeros((len(patches), bands, height, width))
        corners = product(range(0, height - tall + 1, STRIDE), range(0, width - wide + 1, STRIDE))
        for place, (top, left) in enumerate(corners):
            maps[:, :, top : top + tall, left : left + wide] += patches[:, place].reshape(-1, bands, tall, wide)
        return maps

    def _patches(self, inputs: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Local contrast of the patches, (n, places, cells)."""
        contrast = contrast_cells(inputs, self.shape).reshape(len(inputs), *pooled_shape(self.shape))
        height, width = (min(PATCH, side) for side in contrast.shape[2:])
        windows = sliding_window_view(contrast, (height, width), axis=(2, 3))[:, :, ::STRIDE, ::STRIDE]
        n, bands, rows, columns = windows.shape[:4]
        return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, rows * columns, bands * height * width)

    def _logarithms(self, patches: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """ln D of every patch, (n, places)."""
        n, places, cells = patches.shape
        white = self.whitened(patches.reshape(-1, cells)).astype(np.float64)
        return 0.5 * np.log(np.square(white).sum(axis=1) + np.finfo(np.float32).eps).reshape(n, places)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Places (2, places) and the patches' mean and axes."""
        return {"places": self.places} | self.whitened.arrays()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Patches":
        """Take back what `arrays` gave."""
        self.places = arrays["places"]
        self.whitened.restore(arrays)
        return self


def _inputs(encoded: Encoded) -> NDArray[np.floating[Any]]:
    if encoded.inputs is None:
        raise TypeError("Patches needs inputs")
    return encoded.inputs
