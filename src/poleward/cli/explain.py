"""poleward explain."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.options import Config, Device, Model, SourceOptions, SourcePath, require_other
from poleward.cli.score import batches, faults_placed
from poleward.cli.terminal import report_skipped, say, table

if TYPE_CHECKING:
    from poleward.data.source import Source
    from poleward.detector.detector import Detector
    from poleward.records import Explanation

SAID = 5
"""Samples, and columns of each, that are printed."""


def explain(
    model: Model,
    source: SourcePath,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for all of it: .csv or .parquet with a line per sample, .npz with every pixel.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Say why the samples of SOURCE have their scores: what each column or pixel contributes, the nearest training
    samples, and the angles of the code that moved."""
    from poleward.data.explanations import joined, require_form, write_explanation
    from poleward.detector.detector import Detector

    if out is not None:
        require_form(out)
        require_other(source, out)
    detector = Detector.load(model, device)
    facts = detector.model_.facts
    opened = options.as_trained(facts).named_as_trained(facts, source).open(source)
    ids: list[str] = []
    parts = []
    for names, part in explained(detector, opened):
        ids += names
        parts.append(part)
    explanation = joined(parts)
    report_skipped(opened.skipped)
    if out is None:
        tell(ids, explanation)
        return
    write_explanation(out, ids, explanation)
    say(f"{len(ids):,} samples explained; the explanations lie in {out}")


def explained(detector: "Detector", source: "Source") -> Iterator[tuple[list[str], "Explanation"]]:
    """Go through a source, some samples at a time, and explain them."""
    from poleward.detector.explanation import explain as explain_samples

    for number, batch in enumerate(batches(source, "explaining")):
        with faults_placed(batch, number):
            found = explain_samples(detector.model_, detector.raw(batch.data))
        yield list(batch.ids), found


def tell(ids: list[str], explanation: "Explanation") -> None:
    """Print the explanations of the most anomalous samples."""
    import numpy as np

    from poleward.data.explanations import by_name, most_moved

    contributions = by_name(explanation)
    angles = most_moved(explanation)
    for row in np.argsort(-explanation.score, kind="stable")[:SAID].tolist():
        highest = sorted(contributions, key=lambda name: -contributions[name][row])[:SAID]
        near = zip(explanation.nearest[row], explanation.distances[row], strict=True)
        lines = [(name, f"{contributions[name][row]:+.4g}") for name in highest]
        lines += [("nearest in training", f"row {other} at {distance:.4g}") for other, distance in near]
        lines += [
            (f"angle {k + 1}", f"cos {explanation.cosines[row, k]:.3g}, {explanation.moved[row, k]:+.1f} sd")
            for k in angles[row].tolist()
        ]
        table("", lines, (ids[row], f"score {explanation.score[row]:.4g}"))
    if len(ids) > SAID:
        say(f"The {SAID} most anomalous of {len(ids):,} samples; --out writes all")
