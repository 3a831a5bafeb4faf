"""Stacked histograms of cos phi_k, one row per run of angles: is a model's sphere evenly filled, or compressed?

For codes spread evenly over the sphere in R^n, cos phi_k has mean 0 and standard deviation ``1/sqrt(n - k + 1)``:
each row shows that band beside what was found. Source: METHOD sections 1 and 2.
"""

from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

ROWS = 12
BINS = 80

_LEFT, _RIGHT, _STEP, _PEAK, _TOP = 74, 400, 22, 34, 44


@dataclass(frozen=True)
class Ridge:
    """The cosines of the angles phi_first .. phi_last, pooled.

    density : (BINS,) over equal bins of [-1, 1]
    mean : of the cosines
    uniform_std : their root mean square on an evenly filled sphere
    """

    first: int
    last: int
    density: NDArray[np.float64]
    mean: float
    uniform_std: float

    @property
    def name(self) -> str:
        """Which angles these are, counted from 1."""
        return f"{self.first}" if self.first == self.last else f"{self.first}–{self.last}"


def ridges(cosines: Float[np.ndarray, "n angles"]) -> list[Ridge]:
    """At most `ROWS` rows of neighbouring angles, the first angles first.

    cosines : (n, k - 1) in [-1, 1], n at least 1, of codes in k dimensions

    >>> [(row.name, row.mean) for row in ridges(np.array([[0.5, 0.0], [0.5, -1.0]]))]
    [('1', 0.5), ('2', -0.5)]
    """
    n_angles = cosines.shape[1]
    return [
        _ridge(cosines[:, part], part, n_angles + 1) for part in np.array_split(np.arange(n_angles), ROWS) if len(part)
    ]


def _ridge(values: NDArray[np.floating], columns: NDArray[np.int64], n: int) -> Ridge:
    k = columns + 1
    density = np.histogram(values, bins=BINS, range=(-1.0, 1.0), density=True)[0]
    uniform = np.sqrt(np.mean(1 / (n - k + 1)))
    return Ridge(int(k[0]), int(k[-1]), density, float(values.mean()), float(uniform))


def chart(name: str, cosines: Float[np.ndarray, "n angles"]) -> str:
    """Draw the rows as inline SVG, each as high as its densest bin, in the colour of the text around it.

    name : whose cosines these are
    cosines : as for `ridges`
    returns : an ``<svg>`` element with the classes ``band`` (the uniform law, one standard deviation), ``ridge``
        and ``grid``, for a style sheet that wants other colours
    """
    rows = ridges(cosines)
    bottom = _TOP + _STEP * len(rows)
    parts = [
        f'<svg class="angles" role="img" fill="currentColor" font-size="12" viewBox="0 0 {_RIGHT + 24} {bottom + 40}" '
        f'aria-label="{escape(_summary(name, rows))}">',
        f'<text class="name" x="0" y="16">{escape(name)}</text>',
        f'<text x="{_LEFT - 8}" y="{_TOP - 12}" text-anchor="end">angle</text>',
    ]
    for number, row in enumerate(rows):
        parts += _row(row, _TOP + _STEP * (number + 1))
    for tick in (-1.0, -0.5, 0.0, 0.5, 1.0):
        x = f"{_x(tick):.1f}"
        parts.append(f'<path class="grid" stroke="currentColor" d="M{x} {bottom} v4"/>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<text x="{_x(0.0):.1f}" y="{bottom + 34}" text-anchor="middle">cos φ</text>')
    return "\n".join([*parts, "</svg>"])


def _summary(name: str, rows: list[Ridge]) -> str:
    return f"{name}: mean cosine {rows[0].mean:.2f} of the first angles, {rows[-1].mean:.2f} of the last"


def _x(cosine: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * (cosine + 1) / 2


def _row(row: Ridge, base: int) -> list[str]:
    centres = (np.arange(BINS) + 0.5) * 2 / BINS - 1
    heights = _PEAK * row.density / row.density.max()
    line = " ".join(f"L{_x(c):.1f} {base - h:.1f}" for c, h in zip(centres, heights, strict=True))
    low, high = _x(-row.uniform_std), _x(row.uniform_std)
    words = f"angles {row.name}: mean cosine {row.mean:.3f}; on an evenly filled sphere 0 ± {row.uniform_std:.3f}"
    return [
        f'<path class="band" fill-opacity="0.18" d="M{low:.1f} {base} v-{_STEP} H{high:.1f} v{_STEP} Z"/>',
        f'<path class="ridge" fill-opacity="0.35" stroke="currentColor" d="M{_LEFT} {base} {line} L{_RIGHT} {base} Z">'
        f"<title>{words}</title></path>",
        f'<text x="{_LEFT - 8}" y="{base - 4}" text-anchor="end">{row.name}</text>',
    ]
