"""poleward fit."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from poleward.cli.options import (
    Config,
    Device,
    Labels,
    SourceOptions,
    SourcePath,
    asked_level,
    parse_types,
    read_labels,
)
from poleward.cli.terminal import progress, report_skipped, say, stop_on_interrupt, warn
from poleward.errors import OutputError, SettingError, TrainingCollapsed

LEARNING = "How it learns"
DECIDING = "How it decides"


def fit(
    source: SourcePath,
    out: Annotated[Path, typer.Option(help="Folder for the model; replaced when it holds one.", show_default=False)],
    labels: Labels = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="compressed, compressed-half, vmf, variational, moments, norm or autoencoder; with --labels islands,"
            " cross-entropy and others. --objective list names all.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(
            help="fused (several of the others together), knn, mixture, reconstruction, input-knn and others; with"
            " --labels fused, knn, max-logit, energy and others. --scorer list names all.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    width: Annotated[int | None, typer.Option(help="With --labels: of the network.", rich_help_panel=LEARNING)] = None,
    augment: Annotated[
        bool,
        typer.Option(
            "--augment/--no-augment",
            help="With --labels: show images also shifted, mirrored and with a part cut out.",
            rich_help_panel=LEARNING,
        ),
    ] = True,
    n_latent: Annotated[int | None, typer.Option(help="Latent dimensions.", rich_help_panel=LEARNING)] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.", rich_help_panel=LEARNING)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a step.", rich_help_panel=LEARNING)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The largest one.", rich_help_panel=LEARNING)] = None,
    weight: Annotated[
        float | None, typer.Option(help="Of the objective beside the reconstruction.", rich_help_panel=LEARNING)
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(help="Of that weight: constant, linear, cyclical or square-root.", rich_help_panel=LEARNING),
    ] = None,
    parametrisation: Annotated[
        str | None, typer.Option(help="dimension-free or published.", rich_help_panel=LEARNING)
    ] = None,
    n_neighbors: Annotated[int | None, typer.Option(help="Of the knn scorers.", rich_help_panel=LEARNING)] = None,
    stretch: Annotated[
        str | None, typer.Option(help="Of each image band: linear, percentile or asinh.", rich_help_panel=LEARNING)
    ] = None,
    types: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN=TYPE,...",
            help="Column types over those found: numeric, categorical, ordinal, ordinal:small<large (levels in their"
            " order), date or ignore.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Same data, options and seed: same model.", min=0, rich_help_panel=LEARNING)
    ] = 0,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint of a stopped run.")] = False,
    processes: Annotated[
        int, typer.Option(help="Train with so many processes on this machine, one for each GPU.", min=1)
    ] = 1,
    alpha: Annotated[
        float | None, typer.Option(help="Expected share of false alarms.", rich_help_panel=DECIDING)
    ] = None,
    alarms: Annotated[
        str | None,
        typer.Option(
            metavar="ALARMS/ROWS",
            help="The same as false alarms in rows: 10/1000.",
            rich_help_panel=DECIDING,
        ),
    ] = None,
    correction: Annotated[
        bool, typer.Option("--correction", help="Learn also to repair wrong cells or pixels, for `poleward correct`.")
    ] = False,
    contamination: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE|auto",
            help="Share of anomalies in the training data; auto estimates it, 0 says that there are none.",
            rich_help_panel=DECIDING,
        ),
    ] = None,
    calibration_share: Annotated[
        float | None,
        typer.Option(
            help="Of the data, kept from the network for p-values: 0.15, with --labels at most 3,000 samples.",
            rich_help_panel=DECIDING,
        ),
    ] = None,
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Learn what is normal in SOURCE and write the model to a folder; with --labels, learn its classes."""
    from poleward.artifact.folder import require_replaceable
    from poleward.data.source import read_whole
    from poleward.detector.fitting import Run
    from poleward.detector.raw import gathered
    from poleward.processes.joining import joined
    from poleward.processes.team import leads
    from poleward.training.memory import keep_freed_memory

    given: dict[str, Any] = {
        "objective": objective,
        "scorer": scorer,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "n_neighbors": n_neighbors,
        "stretch": stretch,
        "types": parse_types(types),
        "alpha": asked_level(alpha, alarms),
        "calibration_share": calibration_share,
        "nodata": options.nodata,
        "random_state": seed,
        "device": device,
    }
    of_detectors = {
        "n_latent": n_latent,
        "weight": weight,
        "schedule": schedule,
        "parametrisation": parametrisation,
        "correction": correction or None,
        "contamination": parse_contamination(contamination),
    }
    of_classifiers = {"width": width, "augment": None if augment else False}
    estimator = asked_estimator(given, of_detectors, of_classifiers, labels)
    estimator.settings()
    if labels is not None and processes > 1:
        raise SettingError("--processes does not go with --labels; leave it out")
    require_replaceable(out)
    require_writable(out)
    classes = None if labels is None else read_labels(labels, source, options)
    options = without_labels(labels, source, options)
    opened = options.open(source)
    keep_freed_memory()
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    with joined(processes):
        with progress("reading") as on_read:
            raw: Any = gathered(opened, on_read) if classes is None else read_whole(opened, on_read)
        if not leads():
            with stop_on_interrupt() as stop:
                estimator.help_fit(raw, Run(checkpoint if resume else None, resume, None, stop))
            return
        report_skipped(opened.skipped)
        if resume and not checkpoint.exists():
            warn(f"{checkpoint}: there is no checkpoint to go on from; training starts anew")
        with progress("training") as on_step, stop_on_interrupt() as stop:
            run = Run(checkpoint, resume, on_step, stop, on_phase=lambda what: on_step(0, None, what))
            try:
                if classes is None:
                    estimator.fit_raw(raw, run)
                else:
                    estimator.fit_under(raw.data, classes.of_all(raw.ids), run=run, axes="nhwb", ids=raw.ids)
            except TrainingCollapsed:
                run.forget()
                raise
    estimator.model_.facts |= {
        "source": source.name,
        "selection": str(options.selection()),
        "id_column": options.id_column,
        "reading": {"resize": options.resize, "nodata": options.nodata},
    }
    estimator.save(out)
    run.forget()  # only now: a disc that is full costs the last seconds of training, not all of it
    for warning in estimator.model_.warnings():
        warn(warning)
    facts = estimator.model_.facts
    of = "" if classes is None else f" of {len(facts['class_counts']):,} classes"
    say(
        f"Trained on {facts['n_trained']:,} samples{of}, calibrated on {facts['n_calibration']:,};"
        f" the model lies in {out}"
    )


def asked_estimator(
    given: Mapping[str, Any], of_detectors: Mapping[str, Any], of_classifiers: Mapping[str, Any], labels: str | None
) -> Any:
    """The estimator with what was said of it; SettingError for what only the other kind has."""
    asked, foreign = (of_detectors, of_classifiers) if labels is None else (of_classifiers, of_detectors)
    said = [name for name, value in foreign.items() if value is not None]
    if said:
        why = "goes with --labels" if labels is None else "does not go with --labels"
        raise SettingError(f"--{said[0].replace('_', '-')} {why}; leave it out")
    settings = {name: value for name, value in {**given, **asked}.items() if value is not None}
    if labels is not None:
        from poleward.classifier.classifier import OpenSetClassifier

        return OpenSetClassifier(**settings)
    from poleward.detector.detector import Detector

    return Detector(**settings)


def without_labels(labels: str | None, source: Path, options: SourceOptions) -> SourceOptions:
    """These options, the column of labels not among those to learn from."""
    from poleward.data.classes import is_feature

    if labels is None or not is_feature(labels, source, options.selection(), options.reading()):
        return options
    return replace(options, exclude=",".join(filter(None, (options.exclude, labels))))


def parse_contamination(text: str | None) -> float | str | None:
    """A share as a number; what is none is left for the detector to accept or refuse.

    >>> parse_contamination("0.1"), parse_contamination("auto")
    (0.1, 'auto')
    """
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def require_writable(folder: Path) -> None:
    """OutputError, before hours of training, when the folder could not be written after it."""
    import os

    if not folder.name:
        raise OutputError(f"{folder}: is the folder you are in, which a model cannot replace; choose another --out")
    parent = folder.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise OutputError(f"{folder}: cannot be written, {parent} is not a folder that can be; choose another --out")
