"""poleward figure."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.evaluate import Normal, Truth, TruthColumn
from poleward.cli.loading import load_estimator
from poleward.cli.options import Config, Device, Model, SourceOptions, SourcePath
from poleward.cli.score import ranked
from poleward.cli.terminal import report_skipped, say
from poleward.errors import SettingError

if TYPE_CHECKING:
    from poleward.data.truth import Truth as KnownTruth
    from poleward.report.figures import Portrait

NEED_CODES = ("sphere", "angles")
NAMES = ("roc", "sphere", "angles", "histogram")


def figure(
    model: Model,
    source: SourcePath,
    kind: Annotated[str, typer.Option(help=f"{', '.join(NAMES)}.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File for the figure, .png, .pdf or .svg.", show_default=False)],
    beside: Annotated[
        Path | None, typer.Option(help="Folder of another model of the same data, to draw beside the first.")
    ] = None,
    truth: Truth = None,
    truth_column: TruthColumn = None,
    normal: Normal = None,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Draw a figure for a paper: the ROC curve, the latent sphere, the angles of the codes, or the scores."""
    from poleward.data.truth import read_truth
    from poleward.report.figures import KINDS, require_drawable, write_figure

    if kind not in NAMES:
        raise SettingError(f"--kind is {kind!r}; choose one of {', '.join(NAMES)}")
    require_drawable(out)
    known = None
    if kind == "roc" or truth is not None or truth_column is not None:
        known = read_truth(truth, source, options.selection(), truth_column, normal, options.reading())
    models = [model] if beside is None else [model, beside]
    portraits = [
        portrait(name, folder, source, options, known, kind in NEED_CODES, device)
        for name, folder in zip(told_apart(models), models, strict=True)
    ]
    write_figure(out, KINDS[kind](portraits))
    say(f"The figure lies in {out}")


def told_apart(folders: list[Path]) -> list[str]:
    """Names of model folders: the last part of the path where that suffices.

    >>> told_apart([Path("a/model"), Path("b/model")])
    ['a/model', 'b/model']
    """
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def portrait(
    name: str,
    folder: Path,
    source: Path,
    options: SourceOptions,
    known: "KnownTruth | None",
    with_codes: bool,
    device: str,
) -> "Portrait":
    """What the model in a folder says of the samples of a source; of those with a verdict where the truth is known."""
    import numpy as np

    from poleward.geometry.hypersphere import cosines_of
    from poleward.report.figures import Portrait

    estimator = load_estimator(folder, device)
    opened = options.as_trained(estimator.model_.facts).open(source)
    ids: list[str] = []
    scores, codes = [], []
    for batch, ranking in ranked(estimator, opened, None):
        ids += batch.ids
        scores.append(ranking.score)
        if with_codes:
            codes.append(estimator.model_.codes(estimator.raw(batch.data)))
    report_skipped(opened.skipped)
    labels, rows = (None, np.ones(len(ids), bool)) if known is None else known.aligned(ids)
    kept = np.concatenate(codes)[rows] if with_codes else None
    return Portrait(
        name=name,
        scores=np.concatenate(scores)[rows],
        threshold=estimator.model_.threshold,
        is_anomaly=None if labels is None else labels[rows],
        codes=kept,
        cosines=None if kept is None else cosines_of(kept),
    )
