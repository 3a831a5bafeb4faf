"""The base of every scorer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.records import Encoded


class Scorer:
    """Learns from encoded training samples, then scores others; a score depends on nothing but its own sample.

    ``needs`` names the fields of `Encoded` that it reads; ``learns`` those it reads from the training samples.
    """

    needs: frozenset[str] = frozenset()
    learns: frozenset[str] = frozenset()

    def fit(self, encoded: Encoded) -> "Scorer":
        """Learn from the training samples."""
        return self

    def extend(self, encoded: Encoded) -> "Scorer":
        """Take further normal samples in, where the scorer keeps samples; one that does not stays as it is."""
        return self

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Scores (n,); ``trained_on`` (n,) marks fitted samples, which must not be their own neighbour."""
        raise NotImplementedError

    def contributions(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """What the score is made of: for "inputs" (n, d), "means" (n, k) or `shares.CONSTANT` (n, 1), whichever of them
        the scorer uses, parts that sum over all to `score`. Those of unobserved cells are 0."""
        raise NotImplementedError

    def nearest(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows, among the training samples, of those nearest to each sample, and their distances, both (n, k), the
        nearest first; k is 0 for a scorer that keeps no training samples."""
        return np.empty((len(encoded), 0), np.int64), np.empty((len(encoded), 0))

    def notes(self) -> list[str]:
        """What a user should know of how it scores, in sentences."""
        return []

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learned, for the model folder."""
        return {}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Scorer":
        """Take back what `arrays` gave."""
        return self
