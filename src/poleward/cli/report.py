"""poleward report."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.evaluate import Normal, Truth, TruthColumn
from poleward.cli.figure import told_apart
from poleward.cli.info import facts_in_words
from poleward.cli.options import Alarms, Alpha, Config, Device, Model, SourceOptions, SourcePath, asked_level
from poleward.cli.score import ranked
from poleward.cli.terminal import report_skipped, say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poleward.data.source import Source
    from poleward.data.truth import Truth as KnownTruth
    from poleward.detector.detector import Detector
    from poleward.detector.gallery import Gallery
    from poleward.records import LatentPoints, ReportContents
    from poleward.report.wall import Wall

WORST = 24
TYPICAL = 8
THUMBNAILS = 10_000


def report(
    model: Model,
    source: SourcePath,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("report.html"),
    beside: Annotated[
        Path | None,
        typer.Option(help="Folder of another model of the same data, to draw its sphere too."),
    ] = None,
    worst: Annotated[int, typer.Option(min=1, help="How many of the most anomalous samples to show.")] = WORST,
    truth: Truth = None,
    truth_column: TruthColumn = None,
    normal: Normal = None,
    alpha: Alpha = None,
    alarms: Alarms = None,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Write one self-contained HTML page: the most anomalous samples of SOURCE, why, and how sure."""
    from poleward.data.truth import read_truth
    from poleward.data.writing import write_text
    from poleward.detector.detector import Detector
    from poleward.detector.gallery import Gallery
    from poleward.report.page import render
    from poleward.report.wall import Wall

    level = asked_level(alpha, alarms)
    detector = Detector.load(model, device)
    other = None if beside is None else Detector.load(beside, device)
    facts = detector.model_.facts
    options = options.as_trained(facts).named_as_trained(facts, source)
    known = None
    if truth is not None or truth_column is not None:
        known = read_truth(truth, source, options.selection(), truth_column, normal, options.reading())
    opened = options.open(source)
    gallery, wall = Gallery(detector.model_, worst, TYPICAL), Wall(THUMBNAILS)
    for batch, ranking in ranked(detector, opened, level):
        data = detector.raw(batch.data)
        gallery.add(data, ranking)
        if detector.model_.kind == "images":
            wall.add(data, ranking.score)
    report_skipped(opened.skipped)
    shown = contents(detector, gallery, wall, f"{source.name}", level, known)
    if beside is not None and other is not None:
        names = told_apart([model, beside])
        shown = replace(shown, points=replace(gallery.points(shown.labels), name=names[0]))
        shown = replace(shown, beside=points_of(names[1], other, options.open(source)))
    write_text(out, render(shown))
    say(f"The report lies in {out}")


def points_of(name: str, detector: "Detector", source: "Source") -> "LatentPoints":
    """The samples of a source as a detector places them: the same draw of them for any detector."""
    from poleward.detector.gallery import Gallery

    gallery = Gallery(detector.model_, n_worst=0, n_typical=0)
    for batch, ranking in ranked(detector, source, None):
        gallery.add(detector.raw(batch.data), ranking)
    return replace(gallery.points(), name=name)


def contents(
    detector: "Detector",
    gallery: "Gallery",
    wall: "Wall",
    title: str,
    alpha: float | None,
    known: "KnownTruth | None" = None,
) -> "ReportContents":
    """What the page shows."""
    import numpy as np

    from poleward.detector.storage import manifest_content
    from poleward.metrics.ranking import evaluate
    from poleward.records import ReportContents

    model = detector.model_
    labels: NDArray[np.bool_] | None = None
    evaluation = None
    if known is not None:
        labels, is_known = known.aligned(gallery.ids)
        evaluation = evaluate(labels[is_known], gallery.scores[is_known])
    level = model.level if alpha is None else alpha
    threshold = model.threshold if alpha is None else model.conformal.threshold(alpha)
    return ReportContents(
        title=title,
        facts=facts_in_words(manifest_content(detector)),
        scores=gallery.scores,
        calibration_scores=model.conformal.scores,
        threshold=float(np.nextafter(threshold, np.inf)),  # the page counts scores at and above it
        alpha=level,
        history=model.history,
        examples=gallery.worst(labels),
        typical=gallery.typical(labels),
        evaluation=evaluation,
        labels=labels,
        warnings=model.warnings(),
        threshold_from=model.facts["threshold_from"] if alpha is None else "alpha",
        points=gallery.points(labels),
        thumbnails=wall.thumbnails() if model.kind == "images" else None,
    )
