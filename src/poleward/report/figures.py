"""Figures for papers, by matplotlib: a column wide, safe for the colour-blind, the same bytes for the same data."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from poleward.data.placement import placed, writing
from poleward.errors import SettingError
from poleward.geometry.picture import on_sphere
from poleward.metrics.ranking import auroc
from poleward.report.angles import BINS, Ridge, ridges
from poleward.report.charts import bin_edges

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN = 3.4
"""Width of a column of a journal, in inches."""

FORMATS = (".png", ".pdf", ".svg")

# Okabe and Ito (2008): told apart by every kind of colour vision, and in grey
NORMAL, ODD, THIRD, FOURTH = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
LINES = (NORMAL, ODD, THIRD, FOURTH)
SOFT, FAINT = "#5a6172", "#c9cdd6"

STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.4,
    "figure.dpi": 300,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # letters stay letters
    "svg.fonttype": "none",
    "svg.hashsalt": "poleward",
}

# the first look of the interactive sphere: (1, 1, 1), where compression leads, in front, the third axis upright
_FRONT = np.array([1.0, 1.0, 1.0]) / np.sqrt(3)
_RIGHT = np.array([-1.0, 1.0, 0.0]) / np.sqrt(2)
_UP = np.cross(_FRONT, _RIGHT)


@dataclass(frozen=True)
class Portrait:
    """What one model says of n samples.

    scores : (n,) higher is more anomalous
    threshold : score above which a sample is called an anomaly
    is_anomaly : (n,) the truth, or None
    codes : (n, k) latent means, for `sphere`
    cosines : (n, k - 1) of their angles, for `angles`
    """

    name: str
    scores: Float[np.ndarray, " n"]
    threshold: float
    is_anomaly: Bool[np.ndarray, " n"] | None = None
    codes: Float[np.ndarray, "n k"] | None = None
    cosines: Float[np.ndarray, "n angles"] | None = None


@contextmanager
def styled() -> Iterator[None]:
    """The look of every figure."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def panels(count: int, height: float, **options: Any) -> "tuple[Figure, list[Axes]]":
    """A figure of so many panels side by side: one fills a column, more fill the page's width.

    height : inches
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(COLUMN if count == 1 else 2.05 * COLUMN, height), layout="constrained")
    return figure, list(np.ravel(figure.subplots(1, count, **options)))


def roc(portraits: Sequence[Portrait]) -> "Figure":
    """How many anomalies are found, by how many normal samples are flagged; SettingError without the truth."""
    with styled():
        figure, (axes,) = panels(1, COLUMN)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
        for portrait, colour in zip(portraits, _lines(len(portraits)), strict=True):
            truth = _truth(portrait)
            false_rate, true_rate, _ = roc_curve(truth, portrait.scores)
            label = f"{portrait.name}, AUROC {auroc(truth, portrait.scores):.3f}"
            axes.plot(false_rate, true_rate, color=colour, label=label, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set(xlabel="normal samples flagged", ylabel="anomalies found")
        axes.legend(loc="lower right")
    return figure


def histogram(portraits: Sequence[Portrait]) -> "Figure":
    """The scores, normal and anomalous ones apart where the truth is known, with the threshold."""
    with styled():
        figure, places = panels(len(portraits), 2.2)
        for axes, portrait in zip(places, portraits, strict=True):
            _draw_scores(axes, portrait)
        places[0].set_ylabel("samples")
        places[-1].legend(loc="upper right")
    return figure


def angles(portraits: Sequence[Portrait]) -> "Figure":
    """Stacked histograms of cos phi_k, with the standard deviation of an evenly filled sphere in each."""
    with styled():
        figure, places = panels(len(portraits), 3.2)
        for axes, portrait in zip(places, portraits, strict=True):
            if portrait.cosines is None:
                raise SettingError(f"{portrait.name}: this figure needs the cosines of the angles")
            draw_ridges(axes, ridges(portrait.cosines))
            axes.set(title=portrait.name, xlabel=r"$\cos\,\varphi_k$")
        places[0].set_ylabel("angle $k$")
    return figure


def sphere(portraits: Sequence[Portrait]) -> "Figure":
    """The latent sphere from the front, coloured by the truth where it is known, else by the score."""
    with styled():
        figure, places = panels(len(portraits), COLUMN)
        for axes, portrait in zip(places, portraits, strict=True):
            if portrait.codes is None:
                raise SettingError(f"{portrait.name}: this figure needs the latent codes")
            _draw_sphere(axes, portrait, on_sphere(portrait.codes))
    return figure


KINDS: dict[str, Callable[[Sequence[Portrait]], "Figure"]] = {
    "roc": roc,
    "sphere": sphere,
    "angles": angles,
    "histogram": histogram,
}


def require_drawable(path: Path) -> None:
    """SettingError for a file that does not end in .png, .pdf or .svg, and where matplotlib is missing."""
    if path.suffix.lower() not in FORMATS:
        raise SettingError(
            f"{path}: a figure is written to {', '.join(FORMATS)}; choose one of these endings for --out"
        )
    if find_spec("matplotlib") is None:
        raise SettingError('a figure needs matplotlib; run: pip install "poleward[report]"')


def write_figure(path: Path, figure: "Figure") -> None:
    """Write a figure in the form that the path's ending says, whole or not at all.

    Errors
    ------
    SettingError as of `require_drawable`; OutputError where writing is not possible.
    """
    require_drawable(path)
    kind, buffer = path.suffix.lower()[1:], io.BytesIO()
    undated = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
    with styled():
        figure.savefig(buffer, format=kind, metadata=undated)
    with placed(path) as part, writing(path):
        part.write_bytes(buffer.getbuffer())


def draw_ridges(axes: "Axes", rows: Sequence[Ridge], colour: str = NORMAL) -> None:
    """Rows of densities, each scaled to its own peak, the first angles at the top; lines where an evenly filled sphere
    has its standard deviation."""
    centres = (np.arange(BINS) + 0.5) * 2 / BINS - 1
    for number, row in enumerate(rows):
        base = -number
        height = base + 1.5 * row.density / row.density.max()
        axes.fill_between(centres, base, height, color=colour, alpha=0.55, linewidth=0, zorder=2 + number)
        axes.plot(centres, height, color=colour, linewidth=0.6, zorder=2 + number)
        for edge in (-row.uniform_std, row.uniform_std):
            axes.plot([edge, edge], [base, base + 1], color="black", linewidth=0.8, zorder=2 + len(rows))
    axes.set(xlim=(-1, 1), ylim=(1 - len(rows), 1.6), xticks=[-1, -0.5, 0, 0.5, 1])
    axes.set_yticks([-number for number in range(len(rows))], [row.name for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _draw_scores(axes: "Axes", portrait: Portrait) -> None:
    edges = bin_edges(portrait.scores, portrait.threshold)
    for name, colour, scores in _groups(portrait):
        inside = np.clip(scores, edges[0], np.nextafter(edges[-1], edges[0]))
        axes.hist(inside, edges.tolist(), color=colour, alpha=0.6, label=name, histtype="stepfilled")
    if np.isfinite(portrait.threshold):
        axes.axvline(portrait.threshold, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), label="threshold")
    beyond = bool((portrait.scores > edges[-1]).any())
    axes.set(title=portrait.name, xlabel="score (last bar: and above)" if beyond else "score")


def _groups(portrait: Portrait) -> list[tuple[str, str, NDArray[np.float64]]]:
    if portrait.is_anomaly is None:
        return [("all samples", NORMAL, portrait.scores)]
    normal, odd = portrait.scores[~portrait.is_anomaly], portrait.scores[portrait.is_anomaly]
    return [("normal", NORMAL, normal), ("anomalous", ODD, odd)]


def _draw_sphere(axes: "Axes", portrait: Portrait, points: NDArray[np.float64]) -> None:
    for circle in _circles():
        _draw_line(axes, circle)
    x, y, front = points @ _RIGHT, points @ _UP, points @ _FRONT
    order = np.argsort(front)
    style: dict[str, Any] = {"s": 0.6 + 22 / np.sqrt(len(x)), "linewidths": 0, "rasterized": True}
    style["alpha"] = np.where(front[order] < 0, 0.25, 0.9)
    if portrait.is_anomaly is None:
        low, high = np.percentile(portrait.scores, [1, 99])
        shown = axes.scatter(
            x[order], y[order], c=portrait.scores[order], cmap="viridis_r", vmin=low, vmax=high, **style
        )
        axes.figure.colorbar(shown, ax=axes, shrink=0.6, label="score", extend="both")
    else:
        colours = np.where(portrait.is_anomaly, ODD, NORMAL)
        axes.scatter(x[order], y[order], c=colours[order], **style)
        for name, colour in (("normal", NORMAL), ("anomalous", ODD)):
            axes.scatter([], [], s=8, c=colour, linewidths=0, label=name)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=2, handletextpad=0.1)
    axes.set(title=portrait.name, xlim=(-1.06, 1.06), ylim=(-1.06, 1.06), aspect="equal")
    axes.axis("off")


def _circles() -> list[NDArray[np.float64]]:
    """The outline, and the three great circles on which one block's mean is 0."""
    angle = np.linspace(0, 2 * np.pi, 181)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
    outline = ring @ np.stack([_RIGHT, _UP, _FRONT])
    return [outline, *(np.roll(ring, shift, axis=1) for shift in range(3))]


def _draw_line(axes: "Axes", line: NDArray[np.float64]) -> None:
    behind = line @ _FRONT < -1e-9
    for hidden, width in ((True, 0.3), (False, 0.6)):
        seen = np.where((behind == hidden)[:, None], line, np.nan)
        axes.plot(seen @ _RIGHT, seen @ _UP, color=FAINT, linewidth=width, zorder=0)


def _truth(portrait: Portrait) -> NDArray[np.bool_]:
    if portrait.is_anomaly is None:
        raise SettingError(f"{portrait.name}: a ROC curve needs to know which samples are anomalous; give --truth")
    return portrait.is_anomaly


def _lines(count: int) -> list[str]:
    return [LINES[number % len(LINES)] for number in range(count)]
