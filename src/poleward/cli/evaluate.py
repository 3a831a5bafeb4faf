"""poleward evaluate."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.options import Alarms, Alpha, Config, Device, Model, SourceOptions, SourcePath, asked_level
from poleward.cli.score import ranked
from poleward.cli.terminal import report_skipped, say, table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from poleward.records import Evaluation

Truth = Annotated[
    Path | None,
    typer.Option(help="Table with an id column and one that says what is anomalous; SOURCE itself when left out."),
]
TruthColumn = Annotated[str | None, typer.Option(help="Which column says it; found by itself where it is plain.")]
Normal = Annotated[
    str | None, typer.Option(help="Value of a normal sample, every other being anomalous; else 0/1 or false/true.")
]


def evaluate(
    model: Model,
    source: SourcePath,
    truth: Truth = None,
    truth_column: TruthColumn = None,
    normal: Normal = None,
    alpha: Alpha = None,
    alarms: Alarms = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Say how well the scores of SOURCE separate known anomalies from known normal samples."""
    import numpy as np

    from poleward.data.truth import read_truth
    from poleward.detector.detector import Detector
    from poleward.metrics.ranking import evaluate as figures

    level = asked_level(alpha, alarms)
    detector = Detector.load(model, device)
    options = options.as_trained(detector.model_.facts)
    known = read_truth(truth, source, options.selection(), truth_column, normal, options.reading())
    opened = options.open(source)
    ids: list[str] = []
    scores, flags = [], []
    for batch, ranking in ranked(detector, opened, level):
        ids += batch.ids
        scores.append(ranking.score)
        flags.append(ranking.is_anomaly)
    report_skipped(opened.skipped)
    is_anomaly, is_known = known.aligned(ids)
    result = figures(is_anomaly[is_known], np.concatenate(scores)[is_known])
    flagged = shares_flagged(np.concatenate(flags)[is_known], is_anomaly[is_known]) if level is not None else {}
    if json:
        say(json_format.dumps(vars(result) | flagged, default=dict))
        return
    n_all = result.n_anomalous + result.n_normal
    title = f"{result.n_anomalous:,} anomalies among {n_all:,} samples (column {known.column})"
    rows: list[tuple[str, ...]] = [
        (f"{name.replace('_', ' ')} at level {level:g}", f"{share:.4f}") for name, share in flagged.items()
    ]
    table(title, rows_of(result) + rows)


def shares_flagged(flagged: "NDArray[np.bool_]", is_anomaly: "NDArray[np.bool_]") -> dict[str, float]:
    """What a decision does: the share of the anomalies that it finds, and of the normal samples that it flags."""
    return {
        "anomalies_found": float(flagged[is_anomaly].mean()),
        "false_alarms": float(flagged[~is_anomaly].mean()),
    }


def rows_of(evaluation: "Evaluation") -> list[tuple[str, ...]]:
    """The figures as a reader wants them."""
    rows: list[tuple[str, ...]] = [
        ("AUROC", f"{evaluation.auroc:.4f}"),
        ("average precision", f"{evaluation.average_precision:.4f}"),
        ("FPR95, normal positive", f"{evaluation.fpr95:.4f}"),
        ("FPR95, anomaly positive", f"{evaluation.fpr95_ood_positive:.4f}"),
    ]
    rows += [(f"precision among the first {n:,}", f"{p:.4f}") for n, p in evaluation.precision_at.items()]
    return rows
