"""What the default costs: fitting and scoring a table, beside a VAE with neighbours of its codes."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from poleward.benchmark.measuring import Interval, take_turns
from poleward.benchmark.record import Figure
from poleward.detector.detector import Detector

SIZES = ((1000, 10), (5000, 30), (3000, 100))
"""Rows and columns."""

KINDS, N_FACTORS = 5, 3

MOST = {"fitting": 3, "scoring": 2}
"""How many times the autoencoder's own time the default may take."""


def cost_figures(turns: int, sizes: Sequence[tuple[int, int]] = SIZES, epochs: int | None = None) -> Iterator[Figure]:
    """Seconds of the default over those of the autoencoder alone, for fitting and for scoring as many rows again."""
    for n, d in sizes:
        X = kinds(2 * n, d)
        detectors = {
            "default": Detector(epochs=epochs, random_state=0),
            "alone": Detector("variational", "knn", epochs=epochs, random_state=0),
        }
        fitting = take_turns({name: partial(one.fit, X[:n]) for name, one in detectors.items()}, turns)
        scoring = take_turns({name: partial(one.score_samples, X[n:]) for name, one in detectors.items()}, turns)
        for what, seconds in (("fitting", fitting), ("scoring", scoring)):
            ratio, most = Interval.of(seconds["default"] / seconds["alone"]), MOST[what]
            name = f"{what} {n:,} rows of {d} columns"
            yield Figure(f"{name}, a VAE alone, seconds", Interval.of(seconds["alone"]))
            yield Figure(f"{name}, default over that", ratio, f"at most {most}", ratio.typical <= most)


def kinds(n: int, d: int) -> NDArray[np.float64]:
    """Rows (n, d) of five kinds with three factors each, and noise.

    >>> kinds(4, 2).shape
    (4, 2)
    """
    rng = np.random.default_rng(0)
    centres, axes = rng.normal(0, 3, (KINDS, d)), rng.normal(size=(KINDS, N_FACTORS, d))
    kind = rng.integers(0, KINDS, n)
    factors = rng.normal(size=(n, N_FACTORS))
    return centres[kind] + np.einsum("nf,nfd->nd", factors, axes[kind]) + 0.3 * rng.normal(size=(n, d))
