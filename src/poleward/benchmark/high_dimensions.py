"""What docs/high-dimensions.md is about, measured: where high-dimensional points lie, and what a model makes of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.data.digits import load_digits_task
from poleward.detector.detector import Detector
from poleward.geometry import volume
from poleward.geometry.hypersphere import cosines_of
from poleward.metrics.ranking import auroc
from poleward.scoring.neighbors import ExactIndex

DIMENSIONS = (2, 16, 128, 1024)
N_LATENT = 128
LIMIT = np.deg2rad(80)
N_POINTS = 2000
N_NEIGHBORS = 3
OBJECTIVES = ("variational", "compressed")
INSIDE = 0.95


def gaussian(n: int, seed: int = 0) -> NDArray[np.float64]:
    """Standard normal points (N_POINTS, n)."""
    return np.random.default_rng(seed).standard_normal((N_POINTS, n))


def radii(n: int) -> NDArray[np.float64]:
    """Distances of standard normal points from the origin."""
    return np.asarray(np.linalg.norm(gaussian(n), axis=1))


def first_cosines(n: int) -> NDArray[np.float64]:
    """cos phi_1 of points spread evenly over the sphere."""
    return np.asarray(gaussian(n)[:, 0] / radii(n))


def pair_angles(n: int) -> NDArray[np.float64]:
    """Angles between independent directions, in degrees."""
    one, other = (points / np.linalg.norm(points, axis=1, keepdims=True) for points in (gaussian(n), gaussian(n, 1)))
    return np.asarray(np.rad2deg(np.arccos(np.clip((one * other).sum(axis=1), -1, 1))))


def neighbor_scores(n: int) -> NDArray[np.float64]:
    """Mean distance of standard normal points to their 3 nearest among others, over its median: a score's tail."""
    distances = ExactIndex(gaussian(n)).distances(gaussian(n, 1), N_NEIGHBORS).mean(axis=1)
    return np.asarray(distances / np.median(distances))


@dataclass(frozen=True)
class Trained:
    """One training on digits without nines, asked about others and nines.

    scores : (n,) mean distance to the 3 nearest training codes
    is_odd : (n,) a nine
    codes : (n, k); cosines : (n, k - 1)
    """

    objective: str
    scores: NDArray[np.float64]
    is_odd: NDArray[np.bool_]
    codes: NDArray[np.floating[Any]]
    threshold: float

    @property
    def cosines(self) -> NDArray[np.float64]:
        """cos phi_k of the codes, (n, k - 1)."""
        return cosines_of(self.codes)

    @property
    def auroc(self) -> float:
        """Of the nines."""
        return auroc(self.is_odd, self.scores)

    @property
    def tail(self) -> NDArray[np.float64]:
        """Scores of the nines above the normal median, in the normal samples' interquartile ranges."""
        low, middle, high = np.percentile(self.scores[~self.is_odd], [25, 50, 75])
        return np.asarray((self.scores[self.is_odd] - middle) / (high - low))

    @property
    def polar_angles(self) -> NDArray[np.float64]:
        """Angles of the codes from the mean direction of the normal samples' codes, (n,) in radians."""
        codes = self.codes.astype(np.float64)
        units = codes / np.linalg.norm(codes, axis=1, keepdims=True)
        pole = units[~self.is_odd].mean(axis=0)
        return np.asarray(np.arccos(np.clip(units @ pole / np.linalg.norm(pole), -1, 1)))

    @property
    def island(self) -> float:
        """Angle around that direction within which 95 % of the normal samples' codes lie, in radians."""
        return float(np.quantile(self.polar_angles[~self.is_odd], INSIDE))

    @property
    def odd_inside(self) -> float:
        """Share of the nines within that angle."""
        return float((self.polar_angles[self.is_odd] <= self.island).mean())


def trained(objective: str, seed: int, epochs: int | None = None) -> Trained:
    """A detector of digits without nines, with neighbours among the latent codes as its score."""
    task = load_digits_task(seed=seed)
    detector = Detector(objective, "knn", n_latent=N_LATENT, epochs=epochs, random_state=seed, device="cpu")
    model = detector.fit(task.train).model_
    return Trained(objective, model.scores(task.test), task.is_odd, model.codes(task.test), model.threshold)


def numbers(trainings: list[Trained]) -> dict[str, Any]:
    """Every number that the text says, by name."""
    return {
        "dimensions": DIMENSIONS,
        "n_points": N_POINTS,
        "n_latent": N_LATENT,
        "n_seeds": len(trainings) // len(OBJECTIVES),
        "n_better": n_better(trainings),
        "places": [place(n) for n in DIMENSIONS],
        "one_angle": volume.log_share_within_angle(N_LATENT, LIMIT),
        "all_angles": volume.log_share_within_all_angles(N_LATENT, LIMIT),
        "models": {name: of_model([found for found in trainings if found.objective == name]) for name in OBJECTIVES},
    }


def place(n: int) -> dict[str, float | int]:
    """Where points in n dimensions lie."""
    scores = neighbor_scores(n)
    return {
        "n": n,
        "radius": volume.gaussian_radius_mean(n),
        "thickness": volume.gaussian_radius_std(n),
        "outer": float(np.exp(volume.log_shell_share(n, 0.95))),
        "equator": 1 - 2 * float(np.exp(volume.log_share_within_angle(n, LIMIT))),
        "cosine": volume.expected_absolute_cosine(n),
        "spread": float(scores.std()),
        "farthest": float(scores.max()),
    }


def n_better(trainings: list[Trained]) -> int:
    """In how many seeds the compressed model ranks better than the variational one of the same seed."""
    found = {name: [one.auroc for one in trainings if one.objective == name] for name in OBJECTIVES}
    return int(np.sum(np.array(found["compressed"]) > np.array(found["variational"])))


def of_model(trainings: list[Trained]) -> dict[str, float]:
    """Medians over trainings of one objective."""
    angle = float(np.median([found.island for found in trainings]))
    aurocs = [found.auroc for found in trainings]
    tails = np.median([np.percentile(found.tail, [50, 99]) for found in trainings], axis=0)
    return {
        "auroc": float(np.median(aurocs)),
        "lowest": min(aurocs),
        "highest": max(aurocs),
        "tail": tails[0],
        "far_tail": tails[1],
        "inside": float(np.median([found.odd_inside for found in trainings])),
        "angle": float(np.rad2deg(angle)),
        "share": float(volume.log_share_within_angle(N_LATENT, angle)),
        "cosine": float(np.median([found.cosines.mean() for found in trainings])),
    }
