"""Charts as inline SVG: arrays in, a string out; colours come from the page's style sheet."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 48
FENCE = 6.0  # interquartile ranges beyond the quartiles; about 9 standard deviations of a normal law

_TOP, _TITLE_HEIGHT, _BARS_HEIGHT, _RUG_HEIGHT = 22, 52, 84, 3
_PANEL_HEIGHT = _TITLE_HEIGHT + _BARS_HEIGHT

_CURVE_WIDTH, _CURVE_HEIGHT = 320, 170
_CURVE_LEFT, _CURVE_RIGHT, _CURVE_TOP, _CURVE_BOTTOM = 52, 308, 12, 138


def number(value: float, digits: int = 4) -> str:
    """Write a number to a few significant digits, with thousands marked.

    value : any float
    digits : significant digits, at least 1; below a billion the whole part is never rounded away

    >>> number(1234.56), number(12345.6), number(0.30000000000000004), number(-0.0)
    ('1,235', '12,346', '0.3', '0')
    """
    style = ",.0f" if 10**digits <= abs(value) < 1e9 else f",.{digits}g"
    return format(value + 0.0, style)


def ticks(low: float, high: float, wanted: int) -> list[float]:
    """Return the round numbers in [low, high] whose step is 1, 2 or 5 times a power of ten.

    low, high : finite, low < high
    wanted : about how many, at least 1

    >>> ticks(0.0, 10.0, 5)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def bin_edges(values: NDArray[np.floating[Any]], threshold: float) -> NDArray[np.float64]:
    """Return equal bins over the bulk of the values; the threshold, when finite, is an edge.

    The bulk ends at the outermost value within ``FENCE`` interquartile ranges of the quartiles, so that a heavy tail
    does not press the rest into one bar; a finite threshold always lies inside.

    values : (n,) any unit; infinite ones are left out
    threshold : same unit
    returns : (bins + 1,) increasing; the last edge lies above the bulk

    >>> bin_edges(np.array([0.0, 96.0]), 50.0)[[0, 1, 25, -1]]
    array([ 0.,  2., 50., 98.])
    """
    low, high = _bulk(values[np.isfinite(values)], threshold)
    width = (high - low) / BINS
    anchor = threshold if math.isfinite(threshold) else low
    first, last = math.floor((low - anchor) / width), math.floor((high - anchor) / width) + 1
    return anchor + width * np.arange(first, last + 1, dtype=np.float64)


def _bulk(values: NDArray[np.floating[Any]], threshold: float) -> tuple[float, float]:
    points = []
    if len(values):
        first, third = np.percentile(values, [25, 75])
        reach = FENCE * float(third - first) or math.inf
        inside = values[(values >= first - reach) & (values <= third + reach)]
        points += [float(inside.min()), float(inside.max())]
    if math.isfinite(threshold):
        beyond = threshold + (threshold - min(points, default=threshold)) / 4
        points += [threshold, min(beyond, float(values.max(initial=threshold)))]
    return _widened(min(points, default=0.0), max(points, default=1.0))


def _widened(low: float, high: float) -> tuple[float, float]:
    """Return the range, or a wide one around it where it is too narrow for an axis."""
    size = max(abs(low), abs(high))
    if high - low > max(1e-9 * size, 1e-300):
        return low, high
    margin = size / 2 if size > 1e-300 else 0.5
    return low - margin, high + margin


def histogram(groups: Mapping[str, NDArray[np.floating[Any]]], threshold: float) -> str:
    """Draw one histogram per group, one below the other, over a shared score axis with the threshold across all.

    Values outside the bulk (`bin_edges`) are counted in one separate bar at either end, so a group's bars always sum
    to its size. A thin mark below the axis shows where a bar is too low to be seen.

    groups : name -> (n,) scores; at least one group; group g is drawn in the class ``series-g``
    threshold : score, drawn when finite
    returns : an ``<svg>`` element as wide as its container
    """
    edges = bin_edges(np.concatenate(list(groups.values())), threshold)
    counts = [np.bincount(np.searchsorted(edges, g, side="right"), minlength=len(edges) + 1) for g in groups.values()]
    axis = _Axis(edges, under=any(c[0] for c in counts), over=any(c[-1] for c in counts))
    notes = {name: _flagged(scores, threshold) for name, scores in groups.items()}
    height = _TOP + len(groups) * _PANEL_HEIGHT
    summary = ". ".join(f"{name}: {note}" for name, note in notes.items())
    parts = [f'<svg class="histogram" role="img" height="{height}" aria-label="{escape(summary)}">']
    for row, ((name, note), count) in enumerate(zip(notes.items(), counts, strict=True)):
        parts += _panel_frame(_TOP + row * _PANEL_HEIGHT, name, note, int(count.max()))
        parts += _bars(axis, row, count)
    parts += _score_axis(axis, height)
    if math.isfinite(threshold):
        parts += _threshold(axis.position(threshold), threshold, height)
    return "\n".join([*parts, "</svg>"])


class _Axis:
    """The shared score axis in percent of the width: the bins, and a detached slot for what lies beyond either end."""

    def __init__(self, edges: NDArray[np.float64], *, under: bool, over: bool) -> None:
        self.edges = edges
        self.under, self.over = under, over
        bins = len(edges) - 1
        self.slot = 100 / (bins + 3 * under + 3 * over)
        self.low, self.high = 3 * under * self.slot, (3 * under + bins) * self.slot

    def position(self, score: float) -> float:
        """Return where a score lies, in percent."""
        share = (score - self.edges[0]) / (self.edges[-1] - self.edges[0])
        return float(self.low + share * (self.high - self.low))

    def bar(self, index: int) -> tuple[float, float, str]:
        """Return left edge and width in percent, and the range in words, of one of the len(edges) + 1 counts."""
        if index == 0:
            return 0.0, 2 * self.slot, f"below {number(self.edges[0])}"
        if index == len(self.edges):
            return self.high + self.slot, 2 * self.slot, f"{number(self.edges[-1])} and above"
        left, right = self.edges[index - 1 : index + 1]
        return self.low + (index - 1) * self.slot, self.slot, f"{number(left)} to {number(right)}"


def _flagged(scores: NDArray[np.floating[Any]], threshold: float) -> str:
    flagged = int(np.count_nonzero(scores >= threshold))
    return f"{flagged:,} of {len(scores):,} at or above the threshold"


def _panel_frame(top: int, name: str, note: str, most: int) -> list[str]:
    parts = [
        f'<text class="name" x="0" y="{top + 26}">{escape(name)}</text>',
        f'<text x="0" y="{top + 42}">{escape(note)}</text>',
    ]
    for tick in (tick for tick in ticks(0.0, float(max(most, 1)), 4) if tick.is_integer()):
        y = top + _PANEL_HEIGHT - _BARS_HEIGHT * tick / max(most, 1)
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    return parts


def _bars(axis: _Axis, row: int, counts: NDArray[np.intp]) -> list[str]:
    base = _TOP + (row + 1) * _PANEL_HEIGHT
    parts = []
    for index in np.flatnonzero(counts):
        left, width, words = axis.bar(int(index))
        height = _BARS_HEIGHT * counts[index] / counts.max()
        span = f'x="{left:.3f}%" width="{0.92 * width:.3f}%"'
        parts.append(
            f'<g class="series-{row}"><title>{words}: {counts[index]:,}</title>'
            f'<rect class="bar" {span} y="{base - height:.3f}" height="{height:.3f}"/>'
            f'<rect class="rug" {span} y="{base + 2}" height="{_RUG_HEIGHT}"/></g>'
        )
    return parts


def _score_axis(axis: _Axis, base: int) -> list[str]:
    marks = [(50.0, 40, "middle", "score")]
    marks += [(0.0, 22, "start", "below")] * axis.under + [(100.0, 22, "end", "above")] * axis.over
    for tick in ticks(float(axis.edges[0]), float(axis.edges[-1]), 5):
        if 15 * axis.under <= axis.position(tick) <= 100 - 15 * axis.over:  # room for the words at the ends
            marks.append((axis.position(tick), 22, "middle", number(tick, 6)))
    return [f'<text x="{x:.2f}%" y="{base + y}" text-anchor="{anchor}">{words}</text>' for x, y, anchor, words in marks]


def _threshold(x: float, threshold: float, height: int) -> list[str]:
    anchor = "start" if x < 50 else "end"
    words = f"threshold {number(threshold)}"
    return [
        f'<line class="threshold" x1="{x:.3f}%" x2="{x:.3f}%" y1="{_TOP - 4}" y2="{height}"/>',
        f'<text class="threshold" x="{x:.3f}%" y="{_TOP - 9}" text-anchor="{anchor}">{words}</text>',
    ]


def curve(name: str, values: Sequence[float]) -> str:
    """Draw one training curve; values that are not finite leave a gap.

    A first few epochs far above the rest run out at the top, so that the rest stays readable.

    name : what the curve shows
    values : one per epoch, any unit
    returns : an ``<svg>`` element
    """
    series = np.asarray(values, dtype=np.float64)
    finite = np.flatnonzero(np.isfinite(series))
    low, high = _curve_limits(series[finite])
    x = _CURVE_LEFT + (_CURVE_RIGHT - _CURVE_LEFT) * np.arange(len(series)) / max(len(series) - 1, 1)
    y = _CURVE_BOTTOM - (_CURVE_BOTTOM - _CURVE_TOP) * (np.minimum(series, high) - low) / (high - low)
    parts = [
        f'<svg class="curve" role="img" viewBox="0 0 {_CURVE_WIDTH} {_CURVE_HEIGHT}" '
        f'aria-label="{escape(_curve_summary(name, series, finite))}">',
        *_curve_axes(low, high, len(series)),
    ]
    if len(finite):
        parts.append(f'<path class="line" d="{_path(x, y, finite)}"/>')
        parts.append(f'<circle class="end" cx="{x[finite[-1]]:.1f}" cy="{y[finite[-1]]:.1f}" r="3.5"/>')
    return "\n".join([*parts, "</svg>"])


def _curve_limits(finite: NDArray[np.float64]) -> tuple[float, float]:
    if not len(finite):
        return 0.0, 1.0
    low, usual, high = (float(level) for level in np.percentile(finite, [0, 90, 100]))
    spread = usual - low or high - low
    return _widened(low, min(high, usual + 2 * spread))


def _curve_summary(name: str, series: NDArray[np.float64], finite: NDArray[np.intp]) -> str:
    if not len(finite):
        return f"{name}: no finite value in {len(series)} epochs"
    return f"{name}: from {number(series[finite[0]])} to {number(series[finite[-1]])} in {len(series)} epochs"


def _curve_axes(low: float, high: float, n_epochs: int) -> list[str]:
    parts = []
    for tick in ticks(low, high, 4):
        y = _CURVE_BOTTOM - (_CURVE_BOTTOM - _CURVE_TOP) * (tick - low) / (high - low)
        parts.append(f'<line class="grid" x1="{_CURVE_LEFT}" x2="{_CURVE_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_CURVE_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(tick, 6)}</text>')
    ends = [(_CURVE_LEFT, "start", "epoch 1"), (_CURVE_RIGHT, "end", f"{n_epochs:,}")]
    return parts + [
        f'<text x="{x}" y="{_CURVE_BOTTOM + 20}" text-anchor="{anchor}">{words}</text>'
        for x, anchor, words in ends[: max(1, min(n_epochs, 2))]
    ]


def _path(x: NDArray[np.float64], y: NDArray[np.float64], finite: NDArray[np.intp]) -> str:
    starts = np.diff(finite, prepend=-2) > 1
    return " ".join(f"{'M' if start else 'L'}{x[i]:.1f} {y[i]:.1f}" for i, start in zip(finite, starts, strict=True))
