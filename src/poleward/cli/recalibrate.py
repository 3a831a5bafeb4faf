"""poleward recalibrate."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poleward.cli.fit import require_writable
from poleward.cli.options import Alarms, Alpha, Config, Device, Model, SourceOptions, SourcePath, asked_level
from poleward.cli.score import ROWS_AT_A_TIME
from poleward.cli.terminal import progress, report_skipped, say, warn

if TYPE_CHECKING:
    from poleward.data.source import Source
    from poleward.detector.detector import Detector


def recalibrate(
    model: Model,
    source: SourcePath,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the recalibrated model, MODEL itself to replace it; MODEL-recalibrated when left out.",
            show_default=False,
        ),
    ] = None,
    alpha: Alpha = None,
    alarms: Alarms = None,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Take p-values and threshold of a model from SOURCE, new samples that are all normal, without training again."""
    from poleward.artifact.folder import require_replaceable
    from poleward.detector.detector import Detector

    level = asked_level(alpha, alarms)
    place = model.with_name(f"{model.name}-recalibrated") if out is None else out
    require_replaceable(place)
    require_writable(place)
    detector = Detector.load(model, device)
    if level is not None:
        detector.set_params(alpha=level)
    detector.settings()
    opened = options.as_trained(detector.model_.facts).open(source)
    detector.recalibrate_on(raw_batches(detector, opened))
    report_skipped(opened.skipped)
    facts = detector.model_.facts
    facts["calibrated_on"] = f"{source.name} {options.selection()}".strip()
    detector.save(place)
    if facts["n_trained_on"]:
        warn(f"{facts['n_trained_on']:,} samples were trained on and are left out: they say nothing of new ones")
    for warning in detector.model_.warnings():
        warn(warning)
    threshold, kept = detector.model_.threshold, f"level {detector.alpha:g}"
    say(f"Calibrated on {facts['n_calibration']:,} samples: anomaly above score {threshold:.6g} ({kept}), in {place}")


def raw_batches(detector: "Detector", source: "Source") -> Iterator[Any]:
    """The samples of a source as the model takes them, some at a time."""
    done, total = 0, source.count()
    with progress("calibrating") as advance:
        for batch in source.batches(ROWS_AT_A_TIME[source.kind]):
            yield detector.raw(batch.data)
            done += len(batch.ids)
            advance(done, total)
