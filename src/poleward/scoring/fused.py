"""Several scorers as one: each looks at a sample in its own way, and none of them is best on all data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.records import Encoded
from poleward.scoring.scorer import Scorer

SMALLEST_DEVIATION = 0.01
"""A view whose scores hardly differ in training is not magnified beyond this."""

SAMPLES_FOR_SCALE = 2000
"""Training samples whose scores say how widely a view's scores spread."""


class Fused(Scorer):
    """score(x) = mean over views v of (t_v(x) - m_v) / d_v, with t_v(x) = ln(1 + s_v(x) / median_v).

    median_v, m_v and d_v are the median of s_v and the mean and standard deviation of t_v over training samples, each
    scored
    as one that is not its own neighbour. The logarithm keeps one view's huge distances from drowning the others.

    Parameters
    ----------
    views : scorers with scores of at least 0, by name
    """

    def __init__(self, views: Mapping[str, Scorer]) -> None:
        self.views = dict(views)
        self.needs = frozenset[str]().union(*(view.needs for view in self.views.values()))
        self.learns = self.needs.union(*(view.learns for view in self.views.values()))
        self.scales: NDArray[np.float64]  # (views, 3): median, mean, deviation

    def fit(self, encoded: Encoded) -> "Fused":
        """Fit every view, then learn its scale from the training samples' own scores."""
        n = len(encoded)
        some = encoded.take(np.linspace(0, n - 1, min(n, SAMPLES_FOR_SCALE)).astype(np.int64))
        scales = []
        for view in self.views.values():
            scores = view.fit(encoded).score(some, np.ones(len(some), bool))
            median = float(np.median(scores)) or float(scores.max()) or 1.0
            t = np.log1p(scores / median)
            scales.append((median, float(t.mean()), max(float(t.std()), SMALLEST_DEVIATION)))
        self.scales = np.array(scales)
        return self

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean standardised scores (n,), about 0 for an ordinary sample."""
        total = np.zeros(len(trained_on))
        for view, (median, mean, deviation) in zip(self.views.values(), self.scales, strict=True):
            total += (np.log1p(view.score(encoded, trained_on) / median) - mean) / deviation
        return total / len(self.views)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Scales, and what every view learned."""
        learned = {f"{name}.{key}": array for name, view in self.views.items() for key, array in view.arrays().items()}
        return {"scales": self.scales} | learned

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Fused":
        """Take back what `arrays` gave."""
        self.scales = arrays["scales"]
        for name, view in self.views.items():
            own = f"{name}."
            view.restore({key.removeprefix(own): array for key, array in arrays.items() if key.startswith(own)})
        return self
