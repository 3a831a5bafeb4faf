r"""Images: which pixels do not belong, and what should stand there.

With x an image, z its code and \hat x what the decoder expects, the cells x_M of the anomalous region M are those that
maximise

    ln p(x | z) = -1/2 \sum (u - m(u))^2,    u = (x - \hat x(z)) / s

where s is the usual spread of the residual at its place and m(u) what the neighbours of a pixel and the other bands say
of u: residuals are smooth, and alike in all bands. For a fixed code the maximum is exact: u_M = m(u). The code is the
encoder's for the image so repaired; both steps alternate. (Chen et al. 2020 penalise the roughness of the change
instead; a stuck pixel or a dead column is a rough change, while what is left of a repaired one is smooth.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray
from scipy.ndimage import binary_propagation, gaussian_filter

from poleward.artifact.naming import under
from poleward.correction.bands import Agreement, Cells, Covariance, Known
from poleward.correction.lenses import spot, surroundings, views
from poleward.correction.verdict import DIRTY
from poleward.records import Features

Expect = Callable[[Cells, Known], Cells]
"""(prepared images (n, bands, height, width), which cells were observed) -> what the autoencoder expects of them."""

TOUCHED = 0.003
"""Share of the cells of clean images that may be taken for wrong."""

GROWN = 0.6
"""Of the evidence that makes a pixel suspected, what is enough beside a suspected one."""

ROUNDS = 3
"""Most times that an image is judged, each time without the cells that were suspected before."""

IMAGES_TO_LEARN, CELLS_TO_LEARN = 1000, 30_000_000
CELLS_AT_A_TIME = 1_000_000
"""Most images, and cells, from which spreads are learned; cells looked at together."""

PRIOR_IMAGES = 10
"""So many images count for the mean spread of a band beside the training images at the place itself."""

SMALLEST_SPREAD = 0.05
"""Of a band's mean spread: a place varies at least so much."""

LEVELS = np.logspace(0, -3, 61)
"""Survival levels at which the evidence of clean pixels is known; beyond, it falls off exponentially."""

BEYOND = 20.0
"""Evidence of a pixel that is known to be wrong, or lies in a broken band."""

CLOSE = 1.5
"""Usual residuals within which the new value of a cell is the old one: that stays."""

MOST_SUSPECTED = 0.3
"""An image of which a larger share is suspected is left as it is: the rest would not tell what was meant."""

MEAN_OF_NORMAL = 0.7979
"""Mean distance from 0 of a standard normal law: sqrt(2 / pi)."""

NEIGHBOURS = np.ones((1, 1, 3, 3), bool)


@dataclass(frozen=True)
class Restored:
    """Prepared images with their wrong cells replaced.

    values : (n, bands, height, width); outside the mask as before
    mask : the cells that were replaced
    probability : that a cell is wrong
    """

    values: Cells
    mask: Known
    probability: Cells


@dataclass(frozen=True)
class ImageCorrector:
    """Finds wrong pixels, and puts in their place what the decoder, their neighbours and the other bands say.

    spread : (bands, height, width) usual size of the residual
    spreads : (lenses, bands, height, width) usual size of what every lens shows
    units : (lenses,) what a clean cell in a thousand exceeds, in these spreads
    together : how residuals less their surroundings vary across bands
    alike : how residuals vary across bands
    agreement : of the bands
    levels : evidence that a share `LEVELS` of the clean cells exceeds
    threshold : evidence from which a cell is suspected
    """

    spread: Float64[np.ndarray, "bands h w"]
    spreads: Float64[np.ndarray, "lenses bands h w"]
    units: Float64[np.ndarray, " lenses"]
    together: Covariance
    alike: Covariance
    agreement: Agreement
    levels: Float64[np.ndarray, " levels"]
    threshold: float

    @classmethod
    def fit(cls, expect: Expect, training: Features, calibration: Features) -> "ImageCorrector":
        """Learn usual residuals from training images, and what is unusual from others, both clean for the most part."""
        values, observed = cells_of(training)
        residual = values - expect(values, observed)
        spread = typical(np.abs(residual) * observed, observed)
        u = residual / spread
        together = Covariance.of(spot(u, observed), observed)
        alike = Covariance.of(u * observed, observed)
        sizes = [np.abs(views(u[run], observed[run], observed[run], together)) for run in runs(u.shape)]
        spreads = np.stack([typical(size * observed, observed) for size in np.concatenate(sizes, axis=1)])
        values, observed = cells_of(calibration)
        corrector = cls(
            spread,
            spreads,
            np.ones(len(spreads)),
            together,
            alike,
            Agreement.of(values, observed, lambda x, seen: (x - expect(seen, observed)) / spread),
            np.zeros(len(LEVELS)),
            np.inf,
        )
        return corrector._calibrated((values - expect(values, observed)) / spread, observed)

    def restore(
        self, features: Features, expect: Expect, wrong: Known | None = None, trusted: Known | None = None
    ) -> Restored:
        """Judge every cell and replace the wrong ones; the result of an image depends on no other image.

        wrong, trusted : cells known to be so; None for none
        """
        shape = features.values.shape
        nothing = np.zeros(shape, bool)
        parts = [Restored(np.zeros((0, *shape[1:])), np.zeros((0, *shape[1:]), bool), np.zeros((0, *shape[1:])))]
        for run in runs(shape):
            values, observed = cells_of(features[run])
            given = Given(observed, *(nothing[run] if mask is None else mask[run] for mask in (wrong, trusted)))
            parts.append(self._restored(values, given, expect))
        return Restored(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))

    def to_manifest(self) -> dict[str, Any]:
        """What was learned, but for the arrays, as plain JSON values."""
        return {"threshold": self.threshold}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that were learned; spreads in float32."""
        arrays = {"spread": self.spread.astype(np.float32), "spreads": self.spreads.astype(np.float32)}
        arrays |= {"units": self.units, "levels": self.levels}
        arrays |= {"together": self.together.matrix, "alike": self.alike.matrix}
        return arrays | {f"agreement/{name}": array for name, array in self.agreement.arrays().items()}

    @classmethod
    def rebuilt(cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> "ImageCorrector":
        """Rebuild the corrector that wrote the manifest and the arrays."""
        agreement = under("agreement/", arrays)
        return cls(
            arrays["spread"].astype(np.float64),
            arrays["spreads"].astype(np.float64),
            arrays["units"],
            Covariance(arrays["together"]),
            Covariance(arrays["alike"]),
            Agreement.restore(agreement),
            arrays["levels"],
            manifest["threshold"],
        )

    def _calibrated(self, u: Cells, observed: Known) -> "ImageCorrector":
        """Units, levels and threshold from the residuals of clean images."""
        seen = np.concatenate(
            [np.abs(views(u[run], observed[run], observed[run], self.together)) for run in runs(u.shape)], axis=1
        )
        sizes = seen / self.spreads[:, None]
        units = np.array([np.quantile(size[observed], 1 - LEVELS[-1]) for size in sizes])
        evidence = (sizes / units[:, None, None, None, None]).max(axis=0) * observed
        levels = np.quantile(evidence[observed], 1 - LEVELS)
        return replace(self, units=units, levels=levels, threshold=threshold_for(evidence, TOUCHED * observed.sum()))

    def _restored(self, values: Cells, given: "Given", expect: Expect) -> Restored:
        """Judge images, hide what is suspected, and judge them again until nothing changes."""
        broken = np.broadcast_to(self._broken(values, given.observed, expect)[:, :, None, None], values.shape)
        known_wrong = (given.wrong | broken) & given.observed & ~given.trusted
        mask, evidence = known_wrong.copy(), np.zeros(values.shape)
        filled = np.where(mask, self.agreement.filled(values, given.observed & ~mask), values)
        rows = np.arange(len(values))
        for _ in range(ROUNDS):
            if not len(rows):
                break
            expected = expect(filled[rows], given.observed[rows])
            u = (values[rows] - expected) / self.spread
            evidence[rows] = self._evidence(u, mask[rows], known_wrong[rows], given[rows])
            now = grown(evidence[rows], self.threshold)
            mask[rows] = now
            usual = self._usual(u, given.observed[rows] & ~now, broken[rows])
            filled[rows] = np.where(now, expected + self.spread * usual, values[rows])
            rows = rows[now.any(axis=(1, 2, 3))]
        mask &= (np.abs(values - filled) > CLOSE * self.spread) | given.wrong
        few = (mask & ~known_wrong).mean(axis=(1, 2, 3)) <= MOST_SUSPECTED
        mask &= few[:, None, None, None] | known_wrong
        mask &= self._better(values, np.where(mask, filled, values), given, expect)[:, None, None, None]
        return Restored(np.where(mask, filled, values), mask, self._probability(evidence, given))

    def _better(self, old: Cells, new: Cells, given: "Given", expect: Expect) -> Bool[np.ndarray, " n"]:
        """Tell which new images are better supported than the old ones: by ln p(x | z), neighbours and bands apart.

        An image with cells that are known to be wrong is changed in any case.
        """
        sure: NDArray[np.bool_] = np.asarray(given.wrong.any(axis=(1, 2, 3)))
        rows = np.flatnonzero((new != old).any(axis=(1, 2, 3)))
        if not len(rows):
            return sure
        squares = [
            np.square((x[rows] - expect(x[rows], given.observed[rows])) / self.spread * given.observed[rows])
            for x in (old, new)
        ]
        sure[rows] |= squares[1].sum(axis=(1, 2, 3)) < squares[0].sum(axis=(1, 2, 3))
        return sure

    def _broken(self, values: Cells, observed: Known, expect: Expect) -> Bool[np.ndarray, "n bands"]:
        """Bands that are off as a whole."""
        return self.agreement.broken(values, observed, lambda x, seen: (x - expect(seen, observed)) / self.spread)

    def _evidence(self, u: Cells, hidden: Known, known_wrong: Known, given: "Given") -> Cells:
        """Largest of what the lenses show, in what a clean cell in a thousand exceeds."""
        seen = np.abs(views(u, given.observed & ~hidden, given.observed, self.together))
        seen /= self.spreads[:, None] * self.units[:, None, None, None, None]
        return np.where(known_wrong, BEYOND, seen.max(axis=0)) * (given.observed & ~given.trusted)

    def _usual(self, u: Cells, known: Known, broken: Known) -> Cells:
        """m(u): what the neighbours and, beyond these, the other bands say; in a broken band the other bands alone."""
        near = surroundings(u, known)
        of_bands = near + self.together.expected(u - near, known)
        return np.where(broken, self.alike.expected(u, known), of_bands)

    def _probability(self, evidence: Cells, given: "Given") -> Cells:
        """P(wrong | evidence t) = eps / (eps + (1 - eps) S(t)), S(t) the share of clean cells with more evidence."""
        survival = np.exp(log_survival(evidence, self.levels))
        return np.where(given.observed & ~given.trusted, DIRTY / (DIRTY + (1 - DIRTY) * survival), 0.0)


@dataclass(frozen=True)
class Given:
    """What is known of cells beforehand."""

    observed: Known
    wrong: Known
    trusted: Known

    def __getitem__(self, rows: Any) -> "Given":
        return Given(self.observed[rows], self.wrong[rows], self.trusted[rows])


def cells_of(features: Features) -> tuple[Cells, Known]:
    """Values in float64, and which were observed."""
    values = features.values.astype(np.float64)
    return values, np.ones(values.shape, bool) if features.observed is None else features.observed


def runs(shape: tuple[int, ...]) -> list[slice]:
    """Cut images into runs of about `CELLS_AT_A_TIME` cells.

    >>> runs((3, 1, 1000, 500))
    [slice(0, 2, None), slice(2, 4, None)]
    """
    step = max(1, CELLS_AT_A_TIME // prod(shape[1:]))
    return [slice(start, start + step) for start in range(0, shape[0], step)]


def few_enough(n: int, cells: int) -> int:
    """How many of n images, each of so many cells, to learn from."""
    return min(n, IMAGES_TO_LEARN, max(1, CELLS_TO_LEARN // cells))


def typical(sizes: Cells, observed: Known) -> Float64[np.ndarray, "bands h w"]:
    """Usual size at each place, smoothed, drawn to its band's mean where images are few."""
    total, count = (sizes * observed).sum(axis=0), 1.0 * observed.sum(axis=0)
    mean = total.sum(axis=(1, 2), keepdims=True) / np.maximum(count.sum(axis=(1, 2), keepdims=True), 1)
    near, seen = (gaussian_filter(array, (0, 1, 1), mode="nearest") for array in (total, count))
    size = (near + PRIOR_IMAGES * mean) / (seen + PRIOR_IMAGES)
    least = np.maximum(SMALLEST_SPREAD * mean, SMALLEST_SPREAD**2 * mean.max())
    return np.maximum(np.maximum(size, least), np.finfo(np.float32).tiny) / MEAN_OF_NORMAL


def grown(evidence: Cells, threshold: float) -> Known:
    """Cells whose evidence reaches the threshold, and those beside them that come near it.

    >>> grown(np.array([0.1, 0.7, 1.2, 0.1, 0.7]).reshape(1, 1, 1, 5), 1.0).ravel().tolist()
    [False, True, True, False, False]
    """
    seeds = evidence >= threshold
    if not seeds.any():
        return seeds
    return np.asarray(binary_propagation(seeds, NEIGHBOURS, mask=evidence >= GROWN * threshold))


def threshold_for(evidence: Cells, most: float) -> float:
    """Smallest of some thresholds at which at most so many of the given cells are suspected.

    >>> threshold_for(np.array([1.0, 3.0, 1.0, 1.0]).reshape(1, 1, 1, 4), 1.0) > 1.0
    True
    """
    for threshold in np.geomspace(0.5, max(1.0, 1.01 * float(evidence.max())), 60):
        if grown(evidence, threshold).sum() <= most:
            return float(threshold)
    return float(2 * evidence.max() + 1)


def log_survival(evidence: Cells, levels: Float64[np.ndarray, " levels"]) -> Cells:
    """ln S(t): interpolated between levels, and falling on as steeply as between the last tenfold."""
    logs = np.log(LEVELS)
    inner = np.interp(evidence, levels, logs)
    tenfold = len(LEVELS) // 3
    scale = max((levels[-1] - levels[-1 - tenfold]) / (logs[-1 - tenfold] - logs[-1]), 1e-3)
    return np.where(evidence > levels[-1], logs[-1] - (evidence - levels[-1]) / scale, inner)
