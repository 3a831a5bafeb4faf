"""Tables of ADBench (Han et al. 2022), trained on normal rows only: the default detector beside what one could have
typed.

Protocol: at most 50,000 rows of a table by a seeded draw; half of the normal rows, by the same seed, to train on; the
other
half and all anomalies to rank. Choose on the tables whose role is ``dev``, report on ``confirm``.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from poleward.benchmark.measuring import Interval
from poleward.benchmark.record import Figure
from poleward.detector.detector import Detector
from poleward.errors import SourceError
from poleward.metrics.ranking import auroc

MOST_ROWS = 50_000

Rows = NDArray[np.float64]
Contender = Callable[[Rows, Rows, int], Rows]
"""(training rows, rows to rank, seed) -> scores, higher is more anomalous."""


def default(train: Rows, test: Rows, seed: int) -> Rows:
    """Poleward with nothing said."""
    return -Detector(random_state=seed).fit(train).score_samples(test)


def latent_neighbours(train: Rows, test: Rows, seed: int) -> Rows:
    """The published score of the compressed objective: 3-NN of the latent means."""
    return -Detector(scorer="knn", random_state=seed).fit(train).score_samples(test)


def raw_neighbours(train: Rows, test: Rows, seed: int) -> Rows:
    """Mean distance to the 5 nearest training rows, columns standardised."""
    scale = StandardScaler().fit(train)
    return NearestNeighbors(n_neighbors=5).fit(scale.transform(train)).kneighbors(scale.transform(test))[0].mean(axis=1)


def isolation_forest(train: Rows, test: Rows, seed: int) -> Rows:
    """Isolation Forest at scikit-learn's defaults."""
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def local_outlier_factor(train: Rows, test: Rows, seed: int) -> Rows:
    """Local Outlier Factor at scikit-learn's defaults, columns standardised."""
    scale = StandardScaler().fit(train)
    return -LocalOutlierFactor(novelty=True).fit(scale.transform(train)).score_samples(scale.transform(test))


CONTENDERS: dict[str, Contender] = {
    "default": default,
    "compressed + 3-NN": latent_neighbours,
    "raw 5-NN": raw_neighbours,
    "Isolation Forest": isolation_forest,
    "LOF": local_outlier_factor,
}


def table_paths(folder: Path, role: str) -> list[Path]:
    """The tables of a role that INDEX.csv in the folder names; SourceError where there is none."""
    index = folder / "INDEX.csv"
    if not index.is_file():
        raise SourceError(f"{index}: there is no such file; name the folder of ADBench tables with --data")
    with index.open(newline="") as file:
        entries = [entry for entry in csv.DictReader(file) if entry["role"] == role]
    return sorted(folder / entry["group"] / entry["file"] for entry in entries)


def normal_only(path: Path, seed: int) -> tuple[Rows, Rows, NDArray[np.bool_]]:
    """Rows to train on, rows to rank, and which of these are anomalies, by the protocol above."""
    with np.load(path, allow_pickle=False) as archive:
        X, y = archive["X"].astype(np.float64), archive["y"] == 1
    rng = np.random.default_rng(seed)
    kept = rng.permutation(len(X))[:MOST_ROWS]
    X, y = X[kept], y[kept]
    normal = np.flatnonzero(~y)
    trained, rest = normal[: len(normal) // 2], normal[len(normal) // 2 :]
    ranked = np.concatenate([rest, np.flatnonzero(y)])
    return X[trained], X[ranked], y[ranked]


def figures(folder: Path, role: str, seeds: Sequence[int], say: Callable[[str], None]) -> Iterator[Figure]:
    """AUROC of every contender: on each table, the mean over tables, and the paired difference from raw 5-NN."""
    paths = table_paths(folder, role)
    found = np.array([[[0.0] * len(seeds)] * len(paths)] * len(CONTENDERS))  # (contenders, tables, seeds)
    for at, path in enumerate(paths):
        for turn, seed in enumerate(seeds):
            train, test, is_anomaly = normal_only(path, seed)
            for row, contender in enumerate(CONTENDERS.values()):
                found[row, at, turn] = auroc(is_anomaly, contender(train, test, seed))
        means = ", ".join(f"{name} {found[row, at].mean():.3f}" for row, name in enumerate(CONTENDERS))
        say(f"{path.stem}: {means}")
    base = found[list(CONTENDERS).index("raw 5-NN")]
    for row, name in enumerate(CONTENDERS):
        yield Figure(f"{name}, mean AUROC", Interval.of_mean(found[row].mean(axis=1)))
    for row, name in enumerate(CONTENDERS):
        if name != "raw 5-NN":
            yield Figure(f"{name} minus raw 5-NN, paired", Interval.of_mean((found[row] - base).mean(axis=1)))
    for row, name in enumerate(CONTENDERS):
        for path, value in zip(paths, found[row], strict=True):
            yield Figure(f"{path.stem}, {name}", Interval.of_mean(value))
