"""Banks of stored points: what looking through them costs as they grow, and what AUROC smaller ones cost."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from poleward.benchmark import tables
from poleward.benchmark.measuring import Interval, take_turns
from poleward.benchmark.record import Figure
from poleward.metrics.ranking import auroc
from poleward.scoring.approximate import ApproximateIndex
from poleward.scoring.neighbors import ExactIndex

BANK_TABLES = ("20_letter", "30_satellite")
"""Of ADBench, with the role ``dev``."""


def scale_figures(turns: int, sizes: Sequence[int] = (10_000, 100_000, 1_000_000), d: int = 32) -> Iterator[Figure]:
    """Milliseconds for each of 100 queries of 3-NN among so many points on a sphere, exactly and approximately."""
    for n in sizes:
        points = islands(n, d, seed=0)
        queries = islands(100, d, seed=1)
        exact, approximate = ExactIndex(points), ApproximateIndex(points)
        seconds = take_turns(
            {
                "exact": partial(exact.distances, queries, 3),
                "approximate": partial(approximate.distances, queries, 3),
            },
            turns,
        )
        for name, values in seconds.items():
            yield Figure(f"k-NN among {n:,} points, {name}, ms a query", Interval.of(1000 * values / len(queries)))
        same = approximate.distances(queries, 3) <= exact.distances(queries, 3)[:, -1:]
        yield Figure(f"k-NN among {n:,} points, recall of the approximate", Interval.of_mean(same.mean(axis=1)))


def islands(n: int, d: int, seed: int) -> NDArray[np.float32]:
    """Points around 50 centres, brought to length 1."""
    rng = np.random.default_rng([seed, n])
    centres = np.random.default_rng(0).standard_normal((50, d))
    points = centres[rng.integers(0, 50, n)] + 0.5 * rng.standard_normal((n, d))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def bank_figures(folder: Path, seeds: Sequence[int]) -> Iterator[Figure]:
    """What smaller banks cost: AUROC of 3-NN on two `dev` tables with all points, in half precision, and with some."""
    for data in (one for one in tables.data_sets(folder) if one.data in BANK_TABLES and one.protocol == "normal-only"):
        found: dict[str, list[float]] = {}
        for seed in seeds:
            split = data.split(seed)
            scaler = StandardScaler().fit(split.train)
            train, test = scaler.transform(split.train), scaler.transform(split.test)
            for name, bank in banks(train, seed).items():
                score = ExactIndex(bank).distances(test, min(3, len(bank))).mean(axis=1)
                found.setdefault(name, []).append(auroc(split.is_anomaly, score))
        for name, values in found.items():
            yield Figure(f"AUROC of 3-NN on {data.data}, {name}", Interval.of_mean(np.array(values)))


def banks(points: NDArray[np.float64], seed: int) -> dict[str, NDArray[np.float64]]:
    """All points, the same in half precision, and a fifth of them, at random and the farthest from each other."""
    few = max(4, len(points) // 5)
    drawn = np.random.default_rng(seed).permutation(len(points))[:few]
    return {
        "all points": points,
        "half precision": points.astype(np.float16).astype(np.float64),
        "a fifth, at random": points[drawn],
        "a fifth, greedy k-centre": points[k_centre(points, few, seed)],
    }


def k_centre(points: NDArray[np.float64], n: int, seed: int) -> NDArray[np.int64]:
    """Rows of n points, each the farthest from those before (Gonzalez 1985); O(n len(points))."""
    rows = [int(np.random.default_rng(seed).integers(len(points)))]
    nearest = np.square(points - points[rows[0]]).sum(axis=1)
    for _ in range(n - 1):
        rows.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.square(points - points[rows[-1]]).sum(axis=1))
    return np.array(rows)
