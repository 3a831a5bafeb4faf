"""Makes docs/high-dimensions.md and its pictures: ``python -m poleward.cli.high_dimensions --out docs``."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poleward.cli.terminal import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poleward.benchmark.high_dimensions import Trained
    from poleward.report.figures import Portrait


def high_dimensions(
    out: Annotated[Path, typer.Option(help="Folder for the page and its pictures.")] = Path("docs"),
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each model.")] = 5,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the digits.")] = None,
) -> None:
    """Measure what docs/high-dimensions.md tells, draw its pictures and write it."""
    from poleward.benchmark.high_dimensions import OBJECTIVES, numbers, trained
    from poleward.data.writing import write_text
    from poleward.report.figures import require_drawable, write_figure
    from poleward.report.high_dimensions import text

    require_drawable(out / "high-dimensions-shells.png")
    trainings = [trained(objective, seed, epochs) for seed in range(seeds) for objective in OBJECTIVES]
    figures = drawn(trainings)
    pictures = {name: f"high-dimensions-{name}.png" for name in figures}
    for name, figure in figures.items():
        write_figure(out / pictures[name], figure)
    words = {"pictures": pictures, "percent": percent, "power": power}
    write_text(out / "high-dimensions.md", text(numbers(trainings) | words))
    say(f"The page lies in {out / 'high-dimensions.md'}")


def drawn(trainings: "list[Trained]") -> dict[str, "Figure"]:
    """The pictures by name; of the trainings, those of the first seed."""
    import numpy as np

    from poleward.benchmark import high_dimensions as measured
    from poleward.geometry import volume
    from poleward.report import figures, high_dimensions

    def of(measure: Any) -> dict[int, Any]:
        return {n: measure(n) for n in measured.DIMENSIONS}

    n = np.arange(2, 257)
    limits = {"80°": np.deg2rad(80), "60°": np.deg2rad(60)}
    within = {
        share: {name: np.array([share(int(k), limit) for k in n]) for name, limit in limits.items()}
        for share in (volume.log_share_within_angle, volume.log_share_within_all_angles)
    }
    portraits = [portrait(found) for found in trainings[: len(measured.OBJECTIVES)]]
    return {
        "shells": high_dimensions.shells(of(measured.radii)),
        "equators": high_dimensions.equators(of(measured.first_cosines), of(measured.pair_angles)),
        "tails": high_dimensions.tails(of(measured.neighbor_scores)),
        "volumes": high_dimensions.volumes(n, *within.values()),
        "angles": figures.angles(portraits),
        "sphere": figures.sphere(portraits),
        "scores": figures.histogram(portraits),
    }


def portrait(found: "Trained") -> "Portrait":
    """One training as figures show it."""
    from poleward.report.figures import Portrait

    return Portrait(found.objective, found.scores, found.threshold, found.is_odd, found.codes, found.cosines)


def percent(share: float) -> str:
    """A share in percent, never rounded up to all of it.

    >>> percent(0.0975), percent(0.998592), percent(1 - 1e-9)
    ('9.8 %', '99.85 %', 'over 99.99 %')
    """
    if share > 0.9999:
        return "over 99.99 %"
    return f"{100 * share:.1f} %" if share < 0.99 else f"{math.floor(1e4 * share) / 100:.2f} %"


def power(log: float) -> str:
    """A share given as its natural logarithm.

    >>> power(math.log(0.025)), power(math.log(2e-9))
    ('2.5 %', '2 · 10⁻⁹')
    """
    if log > math.log(1e-3):
        return percent(math.exp(log))
    exponent = math.floor(log / math.log(10))
    digits = str(-exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{math.exp(log - exponent * math.log(10)):.1g} · 10⁻{digits}"


if __name__ == "__main__":
    typer.run(high_dimensions)
