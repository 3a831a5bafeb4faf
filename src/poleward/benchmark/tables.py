"""Tables of ADBench (Han et al. 2022): the default detector beside what one could have typed.

At most 50,000 rows of a table by a seeded draw. ``normal-only``: half of the normal rows to train on, the other half
and all anomalies to rank. ``contaminated``: half of all rows to train on, anomalies among them, the other half to rank.
Choose on the tables whose role is ``dev``, report on ``confirm``.
"""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.benchmark.splits import DataSet, Split
from poleward.errors import SourceError

MOST_ROWS = 50_000
REPORTED = "confirm"
"""The role of the tables that are taken when none is asked for."""

FOLDER = "adbench"

Table = tuple[NDArray[Any], NDArray[np.bool_]]
"""Rows (n, columns) in their own type, and which of them are anomalies (n,)."""

Parts = tuple[NDArray[np.int64], NDArray[np.int64]]


def data_sets(folder: Path) -> list[DataSet]:
    """Every table that adbench/INDEX.csv in the folder names, under either protocol; SourceError without that file."""
    index = folder / FOLDER / "INDEX.csv"
    if not index.is_file():
        raise SourceError(f"{index}: there is no such file; name the folder that holds {FOLDER} with --data")
    with index.open(newline="") as file:
        entries = sorted(csv.DictReader(file), key=lambda entry: entry["file"])
    return [
        under(
            protocol,
            entry["role"],
            Path(entry["file"]).stem,
            partial(read, index.parent / entry["group"] / entry["file"]),
        )
        for protocol in PROTOCOLS
        for entry in entries
    ]


def made_data_sets() -> list[DataSet]:
    """Two small made tables, for quick runs without any file."""
    made = {"ring": ring, "clusters": clusters}
    return [under(protocol, REPORTED, name, table) for protocol in PROTOCOLS for name, table in made.items()]


def under(protocol: str, role: str, name: str, table: Callable[[], Table]) -> DataSet:
    """A table under a protocol."""
    group = f"{role}, {protocol}"

    def split(seed: int) -> Split:
        X, is_anomaly = table()
        kept = np.random.default_rng(seed).permutation(len(X))[:MOST_ROWS]
        trained, ranked = PROTOCOLS[protocol](kept, is_anomaly[kept])
        return Split(group, name, seed, X[trained], X[ranked], is_anomaly[ranked])

    return DataSet(group, name, frozenset({role, name}), split, protocol, usual=role == REPORTED)


def normal_only(rows: NDArray[np.int64], is_anomaly: NDArray[np.bool_]) -> Parts:
    """Half of the normal rows; the other half and all anomalies.

    >>> [part.tolist() for part in normal_only(np.arange(5), np.array([True, False, False, False, False]))]
    [[1, 2], [3, 4, 0]]
    """
    normal = rows[~is_anomaly]
    half = len(normal) // 2
    return normal[:half], np.concatenate([normal[half:], rows[is_anomaly]])


def contaminated(rows: NDArray[np.int64], is_anomaly: NDArray[np.bool_]) -> Parts:
    """Half of all rows, and the other half, whatever they are."""
    half = len(rows) // 2
    return rows[:half], rows[half:]


PROTOCOLS: dict[str, Callable[[NDArray[np.int64], NDArray[np.bool_]], Parts]] = {
    "normal-only": normal_only,
    "contaminated": contaminated,
}


def read(path: Path) -> Table:
    """X and y of an .npz; 1 is an anomaly."""
    with np.load(path, allow_pickle=False) as archive:
        X: NDArray[Any] = archive["X"]
        return X, archive["y"] == 1


def ring(n: int = 300, n_odd: int = 30) -> Table:
    """Points on a noisy circle in 4 dimensions, and anomalies in its middle."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, n)
    normal = np.column_stack([np.cos(angle), np.sin(angle), rng.normal(size=(n, 2))])
    odd = rng.normal(0, [0.3, 0.3, 1, 1], size=(n_odd, 4))
    return np.concatenate([normal + rng.normal(0, 0.1, (n, 4)), odd]), np.repeat([False, True], [n, n_odd])


def clusters(n: int = 300, n_odd: int = 30) -> Table:
    """Three clusters of different width in 6 dimensions, and anomalies spread over all of them."""
    rng = np.random.default_rng(1)
    centres, widths = rng.normal(0, 4, (3, 6)), np.array([0.3, 0.6, 1.2])
    kind = rng.integers(0, 3, n)
    normal = centres[kind] + widths[kind, None] * rng.normal(size=(n, 6))
    return np.concatenate([normal, rng.normal(0, 4, (n_odd, 6))]), np.repeat([False, True], [n, n_odd])
