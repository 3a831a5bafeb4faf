"""poleward fit."""

from pathlib import Path
from typing import Annotated, Any

import typer

from poleward.cli.options import Config, Device, SourceOptions, SourcePath, asked_level, parse_types
from poleward.cli.terminal import progress, report_skipped, say, stop_on_interrupt, warn
from poleward.errors import OutputError, TrainingCollapsed

LEARNING = "How it learns"
DECIDING = "How it decides"


def fit(
    source: SourcePath,
    out: Annotated[Path, typer.Option(help="Folder for the model; replaced when it holds one.", show_default=False)],
    objective: Annotated[
        str | None,
        typer.Option(
            help="compressed, compressed-half, vmf, variational, moments, norm or autoencoder.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(
            help="fused, knn, knn-sphere, knn-whitened, isolation-forest, reconstruction, norm, input-knn,"
            " input-knn-whitened or input-isolation-forest.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    n_latent: Annotated[int | None, typer.Option(help="Latent dimensions.", rich_help_panel=LEARNING)] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.", rich_help_panel=LEARNING)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a step.", rich_help_panel=LEARNING)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of Adam.", rich_help_panel=LEARNING)] = None,
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
            help="Column types over those found: numeric, categorical, date or ignore.",
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
            help="Share of anomalies in the training data, if any; auto estimates it.",
            rich_help_panel=DECIDING,
        ),
    ] = None,
    calibration_share: Annotated[
        float | None, typer.Option(help="Of the data, kept from the network for p-values.", rich_help_panel=DECIDING)
    ] = None,
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Learn what is normal in SOURCE and write the model to a folder."""
    from poleward.artifact.folder import require_replaceable
    from poleward.detector.detector import Detector
    from poleward.detector.fitting import Run
    from poleward.detector.raw import gathered
    from poleward.processes.joining import joined
    from poleward.processes.team import leads
    from poleward.training.memory import keep_freed_memory

    given: dict[str, Any] = {
        "objective": objective,
        "scorer": scorer,
        "n_latent": n_latent,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight": weight,
        "schedule": schedule,
        "parametrisation": parametrisation,
        "n_neighbors": n_neighbors,
        "stretch": stretch,
        "types": parse_types(types),
        "correction": correction,
        "alpha": asked_level(alpha, alarms),
        "contamination": parse_contamination(contamination),
        "calibration_share": calibration_share,
        "nodata": options.nodata,
    }
    detector = Detector(
        **{name: value for name, value in given.items() if value is not None}, random_state=seed, device=device
    )
    detector.settings()
    require_replaceable(out)
    require_writable(out)
    opened = options.open(source)
    keep_freed_memory()
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    with joined(processes):
        with progress("reading") as on_read:
            raw = gathered(opened, on_read)
        if not leads():
            with stop_on_interrupt() as stop:
                detector.help_fit(raw, Run(checkpoint if resume else None, resume, None, stop))
            return
        report_skipped(opened.skipped)
        if resume and not checkpoint.exists():
            warn(f"{checkpoint}: there is no checkpoint to go on from; training starts anew")
        with progress("training") as on_step, stop_on_interrupt() as stop:
            run = Run(checkpoint, resume, on_step, stop)
            try:
                detector.fit_raw(raw, run)
            except TrainingCollapsed:
                run.forget()
                raise
    detector.model_.facts |= {
        "source": source.name,
        "selection": str(options.selection()),
        "id_column": options.id_column,
        "reading": {"resize": options.resize, "nodata": options.nodata},
    }
    detector.save(out)
    run.forget()  # only now: a disc that is full costs the last seconds of training, not all of it
    for warning in detector.model_.warnings():
        warn(warning)
    facts = detector.model_.facts
    say(f"Trained on {facts['n_trained']:,} samples, calibrated on {facts['n_calibration']:,}; the model lies in {out}")


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
