"""How badly the autoencoder reconstructs a sample."""

import numpy as np
from numpy.typing import NDArray

from poleward.records import Encoded
from poleward.scoring.scorer import Scorer
from poleward.scoring.shares import scaled


def squared_error(encoded: Encoded) -> NDArray[np.float64]:
    """Squared error of each sample, averaged over its observed cells, (n,), in squared prepared units.

    >>> float(squared_error(Encoded(inputs=np.array([[0.0, 2.0]]), reconstructions=np.array([[0.0, 0.0]])))[0])
    2.0
    """
    error = squared_errors(encoded)
    if encoded.observed is None:
        return np.asarray(error.mean(axis=1))
    return np.asarray(error.sum(axis=1) / np.maximum(encoded.observed.sum(axis=1), 1))


def squared_errors(encoded: Encoded) -> NDArray[np.float64]:
    """Squared error of each cell (n, d), 0 where it is unobserved."""
    if encoded.inputs is None or encoded.reconstructions is None:
        raise TypeError("the squared error needs inputs and reconstructions")
    error = np.square(encoded.reconstructions.astype(np.float64) - encoded.inputs)
    return error if encoded.observed is None else error * encoded.observed


class Reconstruction(Scorer):
    """score(x) = mean squared error of the reconstruction from the posterior mean (METHOD section 2, "Scores")."""

    needs = frozenset({"inputs", "observed", "reconstructions"})

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean squared errors (n,), in prepared units."""
        return squared_error(encoded)

    def contributions(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """Each cell's own squared error, over the number of cells."""
        return {"inputs": scaled(squared_errors(encoded), squared_error(encoded))}


class ReconstructionAndNorm(Scorer):
    """score(x) = |x_hat - x| / sqrt(d) + weight |z| / sqrt(n): the loss of the norm objective, sample by sample.

    Source: METHOD section 4, where the two square roots are left out; `weight` is the objective's own.
    """

    needs = frozenset({"inputs", "observed", "reconstructions", "means"})

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Sums of the two root mean squares (n,)."""
        return np.sqrt(squared_error(encoded)) + self.weight * np.sqrt(_squares(encoded).mean(axis=1))

    def contributions(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """Each root mean square by shares of its squares: the error's over the cells, the norm's over the code."""
        squares = _squares(encoded)
        return {
            "inputs": scaled(squared_errors(encoded), np.sqrt(squared_error(encoded))),
            "means": scaled(squares, self.weight * np.sqrt(squares.mean(axis=1))),
        }


def _squares(encoded: Encoded) -> NDArray[np.float64]:
    if encoded.means is None:
        raise TypeError("ReconstructionAndNorm needs means")
    return np.asarray(np.square(encoded.means.astype(np.float64)))
