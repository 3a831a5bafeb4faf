"""poleward recalibrate."""

from pathlib import Path
from typing import Annotated

import typer

from poleward.cli.fit import require_writable
from poleward.cli.options import Alarms, Alpha, Config, Device, Model, SourceOptions, SourcePath, asked_level
from poleward.cli.score import batches
from poleward.cli.terminal import report_skipped, say, warn


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
    detector.recalibrate_on(detector.raw(batch.data) for batch in batches(opened, "calibrating"))
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
