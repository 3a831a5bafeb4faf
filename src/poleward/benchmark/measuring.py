"""Comparing durations on a machine whose speed drifts: contenders take turns, and ratios are taken within a turn."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A typical value, median or mean, and its 95 % bootstrap interval."""

    typical: float
    low: float
    high: float

    @classmethod
    def of(cls, values: NDArray[np.floating[Any]]) -> "Interval":
        """Median of the values, for durations and ratios.

        >>> Interval.of(np.array([2.0, 2.0, 9.0])).typical
        2.0
        """
        return cls._bootstrap(values, np.median)

    @classmethod
    def of_mean(cls, values: NDArray[np.floating[Any]]) -> "Interval":
        """Mean of the values, for qualities over tables or seeds.

        >>> Interval.of_mean(np.array([1.0, 3.0])).typical
        2.0
        """
        return cls._bootstrap(values, np.mean)

    @classmethod
    def _bootstrap(cls, values: NDArray[np.floating[Any]], typical: Callable[..., Any]) -> "Interval":
        """The 2.5 and 97.5 percentiles over 2,000 resamples with a fixed seed."""
        draws = np.random.default_rng(0).choice(values, (RESAMPLES, len(values)))
        low, high = np.percentile(typical(draws, axis=1), [2.5, 97.5])
        return cls(float(typical(values)), float(low), float(high))

    def __str__(self) -> str:
        return f"{self.typical:.3g} ({self.low:.3g} to {self.high:.3g})"


def take_turns(contenders: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, NDArray[np.float64]]:
    """Seconds of each contender in each turn (turns,), after one turn that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(turns + 1):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}
