"""Why compression hurts without labels, and what mends it: objective x weight x latent dimensions x score.

Development data only: tables of ADBench cut to at most 2,000 rows to train on, and galaxies averaged to 32 x 32.
"""

from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.benchmark import images, tables
from poleward.benchmark.contenders import Contender, Effort, Scores
from poleward.benchmark.splits import DataSet, Split
from poleward.benchmark.trained import fitted, scored
from poleward.detector.detector import Detector
from poleward.geometry.hypersphere import cosines_of
from poleward.scoring.knn import KNearest
from poleward.scoring.views import Plain

OBJECTIVES = ("compressed", "compressed-half", "vmf")
WEIGHTS = (0.1, 10.0)
LATENT_DIMENSIONS = (32, 128)

WAYS = {
    "knn": "knn",
    "sphere": "knn-sphere",
    "own spread": "knn-whitened",
    "islands": "mixture",
    "mse": "reconstruction",
}
"""Row's ending -> scorer: the published score; on the sphere; whitened; several islands; and the error."""

ANGLES = "angles"

MOST_TO_TRAIN, MOST_TO_RANK = 2000, 4000
SIDE = 32


class Angles(Plain):
    """cos phi_k in units of its spread under the uniform law on the sphere, 1/sqrt(n - k + 1)."""

    def __call__(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """(n, d) -> (n, d - 1).

        >>> Angles()(np.array([[3.0, 0.0, 4.0]])).round(2)
        array([[1.04, 0.  ]])
        """
        n = points.shape[1]
        return cosines_of(points) * np.sqrt(n - np.arange(n - 1))


def contenders() -> list[Contender]:
    """Every objective at every weight and number of latent dimensions; the plain autoencoder has no weight."""
    plain = [_trained("autoencoder", None, n) for n in LATENT_DIMENSIONS]
    return plain + [_trained(*setting) for setting in product(OBJECTIVES, WEIGHTS, LATENT_DIMENSIONS)]


def _trained(objective: str, weight: float | None, n_latent: int) -> Contender:
    name = f"{objective}{'' if weight is None else f' w={weight:g}'} n={n_latent}"
    rows = tuple(f"{name} {way}" for way in (*WAYS, ANGLES))
    return Contender(name, rows, partial(_scores, name, objective, weight, n_latent))


def _scores(
    name: str, objective: str, weight: float | None, n_latent: int, split: Split, effort: Effort
) -> dict[str, Scores]:
    """One training, scored in every way."""
    detector = Detector(objective, "knn", n_latent=n_latent, weight=weight, epochs=effort.epochs)
    model = fitted(split, detector.settings())
    angles = KNearest("means", Angles(), model.settings.n_neighbors)
    found = scored(model, split, WAYS, {ANGLES: angles})
    return {f"{name} {way}": scores for way, scores in found.items()}


def data_sets(folder: Path) -> list[DataSet]:
    """Development tables, trained on normal rows, and development galaxies, both cut down."""
    rows = [one for one in tables.data_sets(folder) if one.protocol == "normal-only" and one.is_asked(["dev"])]
    galaxies = [one for one in images.data_sets(folder) if one.is_asked(["dev"])]
    return [
        replace(one, split=partial(_thinned, one), usual=True, group=one.group, protocol="") for one in rows + galaxies
    ]


def _thinned(one: DataSet, seed: int) -> Split:
    split = one.split(seed)
    rng = np.random.default_rng(seed)
    ranked = np.sort(rng.permutation(len(split.test))[:MOST_TO_RANK])
    train, test = split.train[:MOST_TO_TRAIN], split.test[ranked]
    if split.kind == "images":
        train, test = _averaged(split.train), _averaged(test)
    return replace(split, train=train, test=test, is_anomaly=split.is_anomaly[ranked])


def _averaged(pictures: NDArray[Any]) -> NDArray[Any]:
    """Images (n, h, w, bands) averaged over blocks, so that their sides are 32."""
    n, height, width, bands = pictures.shape
    blocks = pictures.reshape(n, SIDE, height // SIDE, SIDE, width // SIDE, bands)
    return blocks.mean(axis=(2, 4)).round().astype(pictures.dtype)
