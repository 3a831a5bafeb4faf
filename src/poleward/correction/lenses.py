"""Ways to look at what is left of an image once the expected one is taken away: at a pixel, a region, a line, a band.

Each is (n, bands, height, width) in and out, every image for itself.
"""

import numpy as np
from jaxtyping import Float64
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from poleward.correction.bands import Cells, Covariance, Known

Seen = Float64[np.ndarray, "lenses n bands h w"]

NEAR = 1.5
"""Pixels: standard deviation of the window in which neighbours speak for a pixel."""

REGION = 2.0
"""Pixels: standard deviation of the window that is judged as a whole."""

WIDE = 4.0
"""Pixels: standard deviation of the window that gives the level around a pixel."""

PRIOR = 0.02
"""Weight of the value 0 among the neighbours: far from every known pixel, the expected image alone is believed."""

FARTHEST = 5.0
"""Usual spreads up to which one pixel counts within a region or a line, and among its neighbours."""


SEGMENT, DIRECTIONS = 11, 12
"""Pixels of a segment, and how many directions are tried."""


def surroundings(cells: Cells, known: Known) -> Cells:
    """Mean of the known neighbours of each pixel, weighted by a Gaussian of their distance, without itself.

    >>> row = np.array([0.0, 9.0, 0.0]).reshape(1, 1, 1, 3)
    >>> bool(surroundings(row, row < 5)[0, 0, 0, 1] == 0)
    True
    """
    total, weight = (
        gaussian_filter(array, (0, 0, NEAR, NEAR), mode="constant") for array in (cells * known, 1.0 * known)
    )
    own = gaussian_filter(np.eye(1, 33, 16)[0], NEAR, mode="constant")[16] ** 2
    return (total - own * cells * known) / (np.maximum(weight - own * known, 0) + PRIOR)


def mean_of_others(cells: Cells, known: Known, axes: tuple[int, ...]) -> Cells:
    """Mean of the known cells along some axes, weighted by a Gaussian of their distance, without the cell itself."""
    window = [NEAR if axis in axes else 0.0 for axis in range(4)]
    own = gaussian_filter1d(np.eye(1, 33, 16)[0], NEAR, mode="constant")[16] ** len(axes)
    total, weight = (gaussian_filter(array, window, mode="constant") for array in (cells * known, 1.0 * known))
    return (total - own * cells * known) / (np.maximum(weight - own * known, 0) + PRIOR)


def spot(cells: Cells, known: Known) -> Cells:
    """How far each pixel stands out from its known neighbours."""
    return cells - surroundings(tamed(cells, known), known)


def tamed(cells: Cells, known: Known) -> Cells:
    """Cells kept within `FARTHEST` of the level around them: one hot pixel does not make its neighbours stand out."""
    window = (0, 0, WIDE, WIDE)
    weight = gaussian_filter(1.0 * known, window, mode="constant")
    level = gaussian_filter(cells * known, window, mode="constant") / (weight + PRIOR)
    return np.clip(cells, level - FARTHEST, level + FARTHEST)


def region(cells: Cells, observed: Known) -> Cells:
    """Mean over a small window."""
    within = np.clip(cells, -FARTHEST, FARTHEST) * observed
    window = (0, 0, REGION, REGION)
    weight = gaussian_filter(1.0 * observed, window, mode="nearest")
    return gaussian_filter(within, window, mode="nearest") / (weight + PRIOR)


def line(cells: Cells, known: Known, observed: Known, axis: int) -> Cells:
    """Mean along an axis of how far pixels stand out from their neighbours across it.

    axis : 2 for columns, 3 for rows
    """
    side = mean_of_others(tamed(cells, known), known, (5 - axis,))
    out = np.clip(cells - side, -FARTHEST, FARTHEST) * observed
    mean = out.sum(axis=axis, keepdims=True) / np.maximum(observed.sum(axis=axis, keepdims=True), 1)
    return np.broadcast_to(mean, cells.shape)


def streak(out: Cells, observed: Known) -> Cells:
    """Largest mean along a short straight segment, in any direction, of how far pixels stand out."""
    out = np.clip(out, -FARTHEST, FARTHEST) * observed
    reach = SEGMENT // 2
    padded, (height, width) = np.pad(out, ((0, 0), (0, 0), (reach, reach), (reach, reach))), out.shape[2:]
    best = np.zeros(out.shape)
    for angle in np.arange(DIRECTIONS) * np.pi / DIRECTIONS:
        steps = np.arange(-reach, reach + 1)
        down, right = (np.rint(reach + steps * part).astype(int) for part in (np.sin(angle), np.cos(angle)))
        total = np.zeros(out.shape)
        for y, x in zip(down.tolist(), right.tolist(), strict=True):
            total += padded[:, :, y : y + height, x : x + width]
        best = np.where(np.abs(total) > np.abs(best), total, best)
    return best / SEGMENT


def band(cells: Cells, known: Known, together: Covariance) -> Cells:
    """How far each pixel stands out from what the other bands say of it."""
    return cells - together.expected(cells, known)


def views(cells: Cells, known: Known, observed: Known, together: Covariance) -> Seen:
    """All of them, one below the other.

    known : cells that may speak for others
    observed : cells that are judged
    together : how cells of one pixel, each less its surroundings, vary across bands
    """
    out = spot(cells, known)
    looks = [out, streak(out, observed), region(cells, observed)]
    looks += [line(cells, known, observed, axis) for axis in (2, 3)]
    if cells.shape[1] > 1:
        looks.append(band(out, known, together))
    return np.stack(looks)
