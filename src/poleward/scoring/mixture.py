"""Gaussian mixture over latent points or prepared inputs, fitted by scikit-learn, kept as plain arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.artifact.naming import under
from poleward.records import Encoded
from poleward.scoring.heaps import without_heaps
from poleward.scoring.scorer import Scorer
from poleward.scoring.shares import CONSTANT, on_observed
from poleward.scoring.views import Plain

LIGHTEST = {"means": 0.05, "inputs": 0.15}
"""Weight below which a Gaussian is taken for a heap of anomalies: its samples are left out."""

REGULARISATION = {"means": 0.1, "inputs": 0.01}
"""Added to every variance, that of a standardised axis being 1: a code is known less well than a measurement."""


class Mixture(Scorer):
    """score(x) = -ln sum_c w_c N(x; m_c, C_c): how unlikely x is under at most 8 Gaussians with full covariance.

    None of them has a weight below 0.05, or 0.15 for inputs, see `heaps.without_heaps`.

    Parameters
    ----------
    field : "means" (latent) or "inputs", where an unobserved cell counts as its column's centre
    view : what is done to the points first
    seed : of the start of EM
    all_normal : whether the training samples are known to be; there are no heaps then, and weights as EM finds them
    """

    def __init__(self, field: str, view: Plain, seed: int = 0, all_normal: bool = False) -> None:
        self.field = field
        self.lightest = 0.0 if all_normal else LIGHTEST[field]
        self.view = view
        self.seed = seed
        self.needs = self.learns = frozenset({field})
        self.gaussians: dict[str, NDArray[Any]]
        self.n_learned: int

    def fit(self, encoded: Encoded) -> "Mixture":
        """Run EM on the training samples, or on some of them, without heaps."""
        points = getattr(encoded, self.field)
        self.n_learned = len(points)
        self.view.fit(points)
        mixture, _ = without_heaps(self.view(points), self.lightest, REGULARISATION[self.field], self.seed)
        self.gaussians = {
            "weights": mixture.weights_,
            "centres": mixture.means_,
            "roots": mixture.precisions_cholesky_,  # C_c^-1 = R_c R_c^T
        }
        return self

    def extend(self, encoded: Encoded) -> "Mixture":
        """Give m further samples a Gaussian of their own with weight m / n, n the samples that EM was given.

        The others keep their weights, so that no score rises.
        """
        x = self.view(getattr(encoded, self.field)).astype(np.float64)
        centre = x.mean(axis=0)
        covariance = (x - centre).T @ (x - centre) / len(x) + REGULARISATION[self.field] * np.eye(x.shape[1])
        root = np.linalg.inv(np.linalg.cholesky(covariance)).T
        further = {"weights": len(x) / self.n_learned, "centres": centre, "roots": root}
        self.gaussians = {
            name: np.concatenate([held, np.asarray(further[name])[None]]) for name, held in self.gaussians.items()
        }
        return self

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Negative log densities (n,), without the constant d/2 ln 2 pi."""
        return np.asarray(-_total(self._logs(encoded)))

    def contributions(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """Half the Mahalanobis distance to every Gaussian by `Plain.parts`, weighted by its responsibility for x.

        What remains of the score (weights, volumes, the entropy of the responsibilities) is constant as far as cells
        go. The other choice, only the Gaussian most responsible, jumps where two are equally near.
        """
        logs = self._logs(encoded)
        responsibilities = np.exp(logs - _total(logs)[:, None])
        points = getattr(encoded, self.field)
        parts = np.zeros(points.shape)
        for share, centre, root in zip(
            responsibilities.T, self.gaussians["centres"], self.gaussians["roots"], strict=True
        ):
            parts += share[:, None] / 2 * self.view.parts(points, centre[None], root @ root.T)
        if self.field == "inputs":
            parts = on_observed(parts, encoded.observed)
        rest = self.score(encoded, trained_on) - parts.sum(axis=1)
        return {self.field: parts, CONSTANT: rest[:, None]}

    def _logs(self, encoded: Encoded) -> NDArray[np.float64]:
        """ln w_c N(x; m_c, C_c), (n, c)."""
        x = self.view(getattr(encoded, self.field)).astype(np.float64)
        weights, centres, roots = (self.gaussians[name] for name in ("weights", "centres", "roots"))
        z = (x - centres[:, None]) @ roots
        distances = np.einsum("cnd,cnd->nc", z, z)
        return np.asarray(np.log(weights) + np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1) - distances / 2)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Weights (c,), centres (c, d), roots of the precisions (c, d, d), the number learned, and the view's own."""
        counted = {"n_learned": np.array([self.n_learned])}
        return self.gaussians | counted | {f"view.{name}": array for name, array in self.view.arrays().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Mixture":
        """Take back what `arrays` gave."""
        self.view.restore(under("view.", arrays))
        self.gaussians = {name: arrays[name] for name in ("weights", "centres", "roots")}
        self.n_learned = int(arrays["n_learned"][0])
        return self


def _total(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln sum_c exp of each row, (n, c) to (n,); for a few columns many times as fast as scipy's."""
    return np.asarray(np.logaddexp.reduce(logs, axis=1))
