"""poleward update."""

from pathlib import Path
from typing import Annotated

import typer

from poleward.cli.fit import require_writable
from poleward.cli.options import Config, Device, Model, SourceOptions, SourcePath
from poleward.cli.score import batches
from poleward.cli.terminal import report_skipped, say, warn


def update(
    model: Model,
    source: SourcePath,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the updated model, MODEL itself to replace it; MODEL-updated when left out.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Add SOURCE, samples that are confirmed to be normal, to what a model knows, without training again."""
    from poleward.artifact.folder import require_replaceable
    from poleward.detector.detector import Detector

    place = model.with_name(f"{model.name}-updated") if out is None else out
    require_replaceable(place)
    require_writable(place)
    detector = Detector.load(model, device)
    before = detector.model_.facts.get("n_added", 0)
    opened = options.as_trained(detector.model_.facts).open(source)
    detector.update_with(detector.raw(batch.data) for batch in batches(opened, "adding"))
    report_skipped(opened.skipped)
    detector.save(place)
    for warning in detector.model_.warnings():
        warn(warning)
    facts = detector.model_.facts
    added = f"{facts['n_added'] - before:,} samples added, calibrated on {facts['n_calibration']:,}"
    say(f"{added}; the model lies in {place}")
