"""The pictures and the text of docs/high-dimensions.md."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from poleward.report.figures import FAINT, NORMAL, ODD, SOFT, panels, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Samples = Mapping[int, NDArray[np.float64]]
"""What was found in so many dimensions."""


def text(numbers: Mapping[str, Any]) -> str:
    """The page, each number of it from a measurement."""
    environment = Environment(
        loader=PackageLoader("poleward", "report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("high_dimensions.md.j2").render(numbers)


def shells(radii: Samples) -> "Figure":
    """Distances from the origin, one panel per dimension."""
    with styled():
        figure, places = panels(len(radii), 1.7)
        for axes, (n, values) in zip(places, radii.items(), strict=True):
            axes.hist(values, np.linspace(0, 1.5 * np.sqrt(n) + 2, 90).tolist(), color=NORMAL)
            axes.set(title=f"n = {n:,}", xlabel="distance from the origin", yticks=[], xlim=(0, None))
            axes.spines["left"].set_visible(False)
        places[0].set_ylabel("points")
    return figure


def equators(cosines: Samples, angles: Samples) -> "Figure":
    """Cosines of the first angle, and angles between two directions."""
    with styled():
        figure, (left, right) = panels(2, 2.2)
        for number, n in enumerate(cosines):
            style: dict[str, Any] = {
                "histtype": "step",
                "density": True,
                "color": SHADES[number],
                "label": f"n = {n:,}",
            }
            left.hist(cosines[n], np.linspace(-1, 1, 61).tolist(), linewidth=1.2, **style)
            right.hist(angles[n], np.linspace(0, 180, 61).tolist(), linewidth=1.2, **style)
        left.set(
            xlabel=r"$\cos\,\varphi_1$: 0 is the equator", yticks=[], xticks=[-1, -0.5, 0, 0.5, 1], ylabel="density"
        )
        right.set(xlabel="angle between two directions (degrees)", yticks=[], xticks=[0, 45, 90, 135, 180])
        right.legend(loc="upper right")
    return figure


def tails(scores: Samples) -> "Figure":
    """Share of points that score above a multiple of the median."""
    with styled():
        figure, (axes,) = panels(1, 2.4)
        for number, (n, values) in enumerate(scores.items()):
            above = 1 - np.arange(len(values)) / len(values)
            axes.step(np.sort(values), above, color=SHADES[number], where="post", label=f"n = {n:,}")
        axes.set(yscale="log", xscale="log", xlim=(0.5, 20), ylim=(1 / len(values), 1.3))
        axes.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
        axes.minorticks_off()
        axes.set(xlabel="distance to 3 nearest, over its median", ylabel="share of points above")
        axes.legend(loc="upper right")
    return figure


def volumes(
    n: NDArray[np.int64], one: Mapping[str, NDArray[np.float64]], every: Mapping[str, NDArray[np.float64]]
) -> "Figure":
    """Log10 of the share of the sphere that is left when one angle, or every angle, stays below a limit."""
    with styled():
        figure, (axes,) = panels(1, 2.4)
        for what, dashes, curves in (("one angle", (0, (4, 2)), one), ("every angle", "-", every)):
            for (limit, logs), colour in zip(curves.items(), (NORMAL, ODD), strict=True):
                axes.plot(n, logs / np.log(10), color=colour, linestyle=dashes, label=f"{what} below {limit}")
        axes.set_yscale("asinh", linear_width=1)
        axes.set_yticks([0, -1, -10, -100, -1000], ["1", "$10^{-1}$", "$10^{-10}$", "$10^{-100}$", "$10^{-1000}$"])
        axes.minorticks_off()
        axes.set(xlabel="dimensions n", ylabel="share of the sphere left", xlim=(2, n[-1]), ylim=(-4000, 0.1))
        axes.axhline(0, color=FAINT, linewidth=0.6)
        axes.tick_params(colors=SOFT, labelcolor="black")
        axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=2)
    return figure


SHADES = ("#9ecae1", "#56b4e9", "#0072b2", "#08306b")
"""Dimensions, few to many: pale to dark."""
