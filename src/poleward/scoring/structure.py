"""How badly the autoencoder draws the structure of an image, where structure can be learned at all."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.records import Encoded
from poleward.scoring.contrast import contrast_cells, onto_pixels
from poleward.scoring.scorer import Scorer
from poleward.scoring.shares import on_observed, scaled


class ContrastReconstruction(Scorer):
    """score(x) = mean over pixels of w_j (c_j(x) - c_j(x_hat))^2, with w_j = max(0, R_j^2)^4.

    c is local contrast, and R_j^2 the share of its variance at pixel j that the reconstructions of the training images
    explain: an error counts where the autoencoder is usually right.

    Parameters
    ----------
    shape : (bands, height, width) of the prepared images
    """

    needs = frozenset({"inputs", "observed", "reconstructions"})
    learns = frozenset({"inputs", "reconstructions"})

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        self.weights: NDArray[np.float64]

    def fit(self, encoded: Encoded) -> "ContrastReconstruction":
        """Learn the weights, (pixels of the pooled image,)."""
        drawn, error = self._contrast(encoded)
        variance = drawn.var(axis=0, dtype=np.float64)
        missed = error.mean(axis=0) / np.where(variance > 0, variance, 1)
        weights = np.clip(1 - missed, 0, 1) ** 4 * (variance > 0)
        self.weights = weights if weights.any() else np.ones_like(weights)
        return self

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Weighted mean squared errors (n,), without unit."""
        return np.asarray((self._contrast(encoded)[1] * self.weights).mean(axis=1))

    def contributions(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """Each pixel's own weighted squared error, over the number of pixels."""
        parts = onto_pixels(self._contrast(encoded)[1] * self.weights, self.shape)
        flat = scaled(parts, self.score(encoded, trained_on))
        return {"inputs": on_observed(flat, encoded.observed)}

    def _contrast(self, encoded: Encoded) -> tuple[NDArray[np.floating[Any]], NDArray[np.float64]]:
        """Local contrast of the images, and its squared errors, both (n, pixels of the pooled image)."""
        if encoded.inputs is None or encoded.reconstructions is None:
            raise TypeError("ContrastReconstruction needs inputs and reconstructions")
        drawn = contrast_cells(encoded.inputs, self.shape)
        expected = contrast_cells(encoded.reconstructions.astype(encoded.inputs.dtype), self.shape)
        return drawn, np.square(drawn.astype(np.float64) - expected)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Weights of the pooled pixels."""
        return {"weights": self.weights}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "ContrastReconstruction":
        """Take back what `arrays` gave."""
        self.weights = arrays["weights"]
        return self
