"""Several scorers as one: each looks at a sample in its own way, and none of them is best on all data."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.artifact.naming import under
from poleward.records import Encoded
from poleward.scoring.heaps import bulk
from poleward.scoring.scorer import Scorer
from poleward.scoring.shares import CONSTANT

SHARE_FOR_SCALE = 0.15
MOST_FOR_SCALE = 2000
"""Training samples kept from the views while they show how widely their scores spread on samples not met."""

SMALLEST_SPREAD = 1e-3
"""Of a view's scores, as a share of their median: one that hardly differs is not magnified beyond measure."""


class Fused(Scorer):
    """score(x) = mean over views v of asinh((s_v(x) - m_v) / d_v).

    m_v is the median of s_v, and d_v half the distance between its 16th and 84th percentiles (one standard deviation of
    a Gaussian), over training samples that the view was not fitted to; it is then fitted again, to all of them. asinh
    is linear among ordinary samples and logarithmic far out, so no view's huge score drowns the others.

    Parameters
    ----------
    views : scorers by name
    seed : of the choice of samples for the scale
    of_bulk : names of views that learn from the training samples outside heaps alone, see `heaps.bulk`
    """

    def __init__(self, views: Mapping[str, Scorer], seed: int = 0, of_bulk: Collection[str] = ()) -> None:
        self.views = dict(views)
        self.seed = seed
        self.of_bulk = frozenset(of_bulk)
        self.needs = frozenset[str]().union(*(view.needs for view in self.views.values()))
        self.learns = self.needs.union(*(view.learns for view in self.views.values()), {"inputs"} if of_bulk else ())
        self.n_learned: int
        self.rows: NDArray[np.int64]  # of the training samples that views of the bulk learned from
        self.scales: NDArray[np.float64]  # (views, 2): median, spread

    def fit(self, encoded: Encoded) -> "Fused":
        """Learn every view's scale from some of the training samples, then fit the views to all of them."""
        n = self.n_learned = len(encoded)
        self.rows = bulk(encoded.inputs, self.seed) if self.of_bulk and encoded.inputs is not None else np.arange(n)
        order = np.random.default_rng(self.seed).permutation(n)
        n_aside = min(max(1, round(SHARE_FOR_SCALE * n)), MOST_FOR_SCALE)
        aside = encoded.take(order[:n_aside])
        self._fit_views(encoded, np.sort(order[n_aside:]))
        unmet = np.zeros(n_aside, bool)
        self.scales = np.array([scale(view.score(aside, unmet)) for view in self.views.values()])
        self._fit_views(encoded, np.arange(n))
        return self

    def extend(self, encoded: Encoded) -> "Fused":
        """Let every view take further samples in; scales stay, and heaps are not looked for among these."""
        self.rows = np.append(self.rows, self.n_learned + np.arange(len(encoded)))
        self.n_learned += len(encoded)
        for view in self.views.values():
            view.extend(encoded)
        return self

    def _fit_views(self, encoded: Encoded, rows: NDArray[np.int64]) -> None:
        """Fit every view to the given training samples, or to those of them that are of the bulk."""
        some, bulky = encoded.take(rows), encoded.take(np.intersect1d(rows, self.rows))
        for name, view in self.views.items():
            view.fit(bulky if name in self.of_bulk else some)

    def score(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean of the views' scaled scores (n,), about 0 for an ordinary sample."""
        return np.asarray(np.mean(list(self.scores(encoded, trained_on).values()), axis=0))

    def scores(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """Each view's scaled scores (n,), by its name."""
        return {
            name: np.arcsinh((view.score(encoded, trained_on) - median) / spread)
            for (name, view), (median, spread) in zip(self.views.items(), self.scales, strict=True)
        }

    def contributions(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """Every view's own contributions by what asinh makes of its score, less its median, which is a constant.

        With u = (s_v - m_v) / d_v, they are multiplied by asinh(u) / (u d_v): the mean slope between the median and the
        score. The other choice, the slope at the score, would not keep the sum.
        """
        parts = {CONSTANT: np.zeros((len(encoded), 1))}
        for view, (median, spread) in zip(self.views.values(), self.scales, strict=True):
            own = view.contributions(encoded, trained_on)
            u = (view.score(encoded, trained_on) - median) / spread
            slope = np.divide(np.arcsinh(u), u, out=np.ones_like(u), where=np.isfinite(u) & (u != 0))
            slope /= spread * len(self.views)
            parts[CONSTANT] -= median * slope[:, None]
            for field, of_field in own.items():
                parts[field] = parts.get(field, 0) + of_field * slope[:, None]
        return parts

    def nearest(self, encoded: Encoded, trained_on: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """What the first view says that keeps training samples: the nearest in the latent space."""
        for name, view in self.views.items():
            rows, distances = view.nearest(encoded, trained_on)
            if rows.shape[1]:
                return self.rows[rows] if name in self.of_bulk else rows, distances
        return super().nearest(encoded, trained_on)

    def notes(self) -> list[str]:
        """What the views say."""
        return list(dict.fromkeys(note for view in self.views.values() for note in view.notes()))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Scales, and what every view learned."""
        learned = {f"{name}.{key}": array for name, view in self.views.items() for key, array in view.arrays().items()}
        return {"scales": self.scales, "rows": self.rows, "n_learned": np.array([self.n_learned])} | learned

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> "Fused":
        """Take back what `arrays` gave."""
        self.scales, self.rows, self.n_learned = arrays["scales"], arrays["rows"], int(arrays["n_learned"][0])
        for name, view in self.views.items():
            view.restore(under(f"{name}.", arrays))
        return self


def scale(scores: NDArray[np.float64]) -> tuple[float, float]:
    """Median and spread of ordinary scores (n,), the spread above 0.

    >>> scale(np.arange(101.0))
    (50.0, 34.0)
    """
    low, median, high = np.percentile(scores, [16, 50, 84])
    return float(median), float(max((high - low) / 2, SMALLEST_SPREAD * abs(median), np.finfo(np.float32).tiny))
