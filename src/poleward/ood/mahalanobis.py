"""Mahalanobis distance to the nearest class, of one layer or of several."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from poleward.ood.outputs import Outputs, PostHoc, require_labels


class Mahalanobis(PostHoc):
    """score = min_c (f - m_c)' S^-1 (f - m_c), m_c the class means, S the covariance within classes they share.

    Where S is singular its pseudo-inverse is taken.

    Source: Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks"
    (2018), eq. 2. With the features of a contrastive training, SSD+ (Sehwag et al. 2021).

    >>> known = Outputs(np.array([[-1.0], [1.0], [9.0], [11.0]]), np.zeros((4, 2)), np.array([0, 0, 1, 1]))
    >>> Mahalanobis().fit(known).score(Outputs(np.array([[0.0], [5.0]]), np.zeros((2, 2))))
    array([ 0., 25.])
    """

    def __init__(self) -> None:
        self.means: NDArray[np.float64]
        self.root: NDArray[np.float64]  # S^-1 = root @ root.T

    def fit(self, outputs: Outputs) -> "Mahalanobis":
        """Learn means and covariance; SettingError without labels."""
        labels, features = require_labels(outputs, "Mahalanobis"), np.asarray(outputs.features, np.float64)
        classes, place = np.unique(labels, return_inverse=True)
        self.means = np.stack([features[labels == c].mean(axis=0) for c in classes])
        within = features - self.means[place]
        values, vectors = np.linalg.eigh(within.T @ within / len(within))
        alive = values > values[-1] * len(values) * np.finfo(float).eps
        self.root = vectors[:, alive] / np.sqrt(values[alive])
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,) squared distances."""
        white = np.einsum("nd,de->ne", np.asarray(outputs.features, np.float64), self.root)
        centres = self.means @ self.root
        return np.min([np.square(white - centre).sum(axis=1) for centre in centres], axis=0)


class MahalanobisLayers:
    """score = mean over layers of (D_l - m_l) / d_l, D_l the Mahalanobis score of layer l, m_l and d_l its mean and
    standard deviation over training samples.

    The paper weighs layers by a regression on out-of-distribution samples; without these, every layer counts alike, in
    units of its own spread. Takes and gives what `Mahalanobis` does, with a sequence of outputs, one for each layer.
    """

    def __init__(self) -> None:
        self.layers: list[tuple[Mahalanobis, float, float]]

    def fit(self, outputs: Sequence[Outputs]) -> "MahalanobisLayers":
        """Learn every layer; SettingError without labels."""
        self.layers = []
        for layer in outputs:
            one = Mahalanobis().fit(layer)
            usual = one.score(layer)
            self.layers.append((one, float(usual.mean()), float(usual.std()) or 1.0))
        return self

    def score(self, outputs: Sequence[Outputs]) -> Float64[np.ndarray, " n"]:
        """(n,)."""
        parts = [
            (one.score(layer) - mean) / spread for (one, mean, spread), layer in zip(self.layers, outputs, strict=True)
        ]
        return np.asarray(np.mean(parts, axis=0))
