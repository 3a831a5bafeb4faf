"""poleward bench."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.terminal import say, table
from poleward.errors import SettingError

if TYPE_CHECKING:
    from poleward.benchmark.record import Figure

PARTS = ("step", "quality", "objective", "neighbors", "memory")


def bench(
    suite: Annotated[str, typer.Argument(help="speed.")] = "speed",
    only: Annotated[str | None, typer.Option(help=f"One part of it: {', '.join(PARTS)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer turns and smaller sizes, under two minutes.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for SUITE.json and SUITE.md.")] = None,
) -> None:
    """Measure speed and memory, contenders side by side in one run."""
    from poleward.benchmark.record import write_record

    if suite != "speed":
        raise SettingError(f"suite {suite!r} is unknown; choose speed")
    if only is not None and only not in PARTS:
        raise SettingError(f"--only is {only!r}; choose one of {', '.join(PARTS)}")
    figures: list[Figure] = []
    for name, measure in measurements(quick).items():
        if only in (None, name):
            for figure in measure():
                verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
                say(f"{figure.name}: {figure.value}  {figure.goal}  {verdict}".rstrip())
                figures.append(figure)
    if out is not None:
        words = [suite, *(["--only", only] if only else []), *(["--quick"] if quick else [])]
        write_record(
            out, suite if only is None else f"{suite}-{only}", " ".join(["poleward bench", *words]), 0, figures
        )
        table("", [(figure.name, str(figure.value), figure.goal) for figure in figures], ("figure", "measured", "goal"))


def measurements(quick: bool) -> dict[str, Callable[[], Iterator["Figure"]]]:
    """The parts of the suite, by name."""
    from poleward.benchmark import speed

    turns = 3 if quick else 15
    return {
        "step": lambda: speed.step_figures(turns),
        "quality": lambda: speed.quality_figures(*((2, 1) if quick else (5, 8))),
        "objective": lambda: speed.objective_figures(turns),
        "neighbors": lambda: speed.neighbor_figures(turns // 3, *((1000, 20_000) if quick else ())),
        "memory": lambda: speed.memory_figures(*(((2000, 20_000),) if quick else ())),
    }
