"""poleward demo."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.evaluate import rows_of
from poleward.cli.fit import require_writable
from poleward.cli.options import Device
from poleward.cli.report import THUMBNAILS, TYPICAL, WORST, contents
from poleward.cli.terminal import progress, say, stop_on_interrupt, table
from poleward.errors import SettingError

if TYPE_CHECKING:
    from poleward.data.task import Task


def demo(
    data: Annotated[str, typer.Option(help="galaxies (made here) or digits (real handwriting).")] = "galaxies",
    out: Annotated[Path, typer.Option(help="Folder for the model, the ranking and the report.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Of the galaxies and the training.", min=0)] = 0,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    device: Device = "auto",
) -> None:
    """Train on normal images, rank others with oddities among them, and write a report: the whole way in minutes."""
    import numpy as np

    from poleward.artifact.folder import require_replaceable
    from poleward.data.digits import load_digits_task
    from poleward.data.galaxies import galaxy_task
    from poleward.data.rankings import RankingWriter
    from poleward.data.truth import Truth
    from poleward.data.writing import write_text
    from poleward.detector.detector import Detector
    from poleward.detector.fitting import Run
    from poleward.detector.gallery import Gallery
    from poleward.metrics.ranking import evaluate
    from poleward.report.page import render
    from poleward.report.wall import Wall
    from poleward.training.memory import keep_freed_memory

    tasks: dict[str, Callable[..., "Task"]] = {"galaxies": galaxy_task, "digits": load_digits_task}
    if data not in tasks:
        raise SettingError(f"--data is {data!r}; choose one of {', '.join(tasks)}")
    detector = Detector(epochs=epochs, random_state=seed, device=device)
    detector.settings()
    require_replaceable(out / "model")
    require_writable(out / "model")
    task = tasks[data](seed=seed)
    say(
        f"{len(task.train):,} normal {data} to learn from; {len(task.test):,} to rank, {int(task.is_odd.sum()):,}"
        f" of them odd"
    )
    keep_freed_memory()
    with progress("training") as on_step, stop_on_interrupt() as stop:
        run = Run(on_step=on_step, stop=stop, on_phase=lambda what: on_step(0, None, what))
        detector.fit_under(task.train, run, axes="nhwb")
    detector.save(out / "model")
    ids = [f"{row:05d}" for row in range(len(task.test))]
    ranking = detector.rank(task.test, ids)
    with RankingWriter(out / "ranking.csv") as writer:
        writer.write(ranking)
    gallery = Gallery(detector.model_, WORST, TYPICAL)
    gallery.add(task.test, ranking)
    wall = Wall(THUMBNAILS)
    wall.add(task.test, ranking.score)
    known = Truth("is_odd", task.is_odd, np.ones(len(ids), bool), (ids,))
    write_text(out / "report.html", render(contents(detector, gallery, wall, f"{data}", None, known)))
    table("", rows_of(evaluate(task.is_odd, ranking.score)))
    say(f"The report lies in {out / 'report.html'}, the ranking in {out / 'ranking.csv'}, the model in {out / 'model'}")
