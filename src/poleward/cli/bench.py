"""poleward bench."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.terminal import say
from poleward.errors import SettingError

if TYPE_CHECKING:
    from poleward.benchmark.record import Figure

ROLES = ("dev", "confirm")
PARTS = ("step", "quality", "objective", "neighbors", "memory")


def bench(
    suite: Annotated[str, typer.Argument(help="speed or tables.")] = "speed",
    only: Annotated[str | None, typer.Option(help=f"Of speed: {', '.join(PARTS)}; of tables: dev or confirm.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer turns and smaller sizes, under two minutes.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Of tables: how many splits, trainings and draws.")] = 3,
    data: Annotated[Path, typer.Option(help="Of tables: folder with INDEX.csv.")] = Path("../shared/data/adbench"),
    out: Annotated[Path | None, typer.Option(help="Folder for SUITE.json and SUITE.md.")] = None,
) -> None:
    """Measure speed and memory, or quality, contenders side by side in one run."""
    from poleward.benchmark.record import write_record

    measured: Iterator[Figure]
    if suite == "speed":
        measured = _speed(only, quick)
        words = [suite, *(["--only", only] if only else []), *(["--quick"] if quick else [])]
    elif suite == "tables":
        only = only or "confirm"
        measured = _tables(only, seeds, data)
        words = [suite, "--only", only, "--seeds", str(seeds)]
    else:
        raise SettingError(f"suite {suite!r} is unknown; choose speed or tables")
    figures: list[Figure] = []
    for figure in measured:
        verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
        say(f"{figure.name}: {figure.value}  {figure.goal}  {verdict}".rstrip())
        figures.append(figure)
    if out is not None:
        name = suite if only is None else f"{suite}-{only}"
        write_record(out, name, " ".join(["poleward bench", *words]), 0, figures)
        say(f"The record lies in {out / name}.md")


def _tables(role: str, seeds: int, data: Path) -> Iterator["Figure"]:
    from poleward.benchmark.tables import figures

    if role not in ROLES:
        raise SettingError(f"--only is {role!r}; choose one of {', '.join(ROLES)}")
    return figures(data, role, range(seeds), say)


def _speed(only: str | None, quick: bool) -> Iterator["Figure"]:
    if only is not None and only not in PARTS:
        raise SettingError(f"--only is {only!r}; choose one of {', '.join(PARTS)}")
    parts = measurements(quick)
    return chain.from_iterable(measure() for name, measure in parts.items() if only in (None, name))


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
