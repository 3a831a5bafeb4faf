"""poleward evaluate."""

import json as json_format
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poleward.cli.loading import load_classifier, load_estimator
from poleward.cli.options import (
    Alarms,
    Alpha,
    Config,
    Device,
    Labels,
    Model,
    SourceOptions,
    SourcePath,
    asked_level,
    read_labels,
)
from poleward.cli.score import ranked
from poleward.cli.terminal import report_skipped, say, table
from poleward.errors import SourceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from poleward.data.classes import Classes
    from poleward.data.truth import Truth as Known
    from poleward.records import Evaluation, Ranking

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
    labels: Labels = None,
    alpha: Alpha = None,
    alarms: Alarms = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Say how well the scores of SOURCE separate known anomalies from known normal samples.

    With --labels and a model that was fitted with them, also how well classes are recognised; samples of other classes
    count as anomalies unless --truth says which ones are.
    """
    from poleward.data.truth import read_truth

    level = asked_level(alpha, alarms)
    estimator: Any = load_estimator(model, device) if labels is None else load_classifier(model, device)
    options = options.as_trained(estimator.model_.facts)
    classes = None if labels is None else read_labels(labels, source, options)
    known = None
    if classes is None or truth is not None or truth_column is not None:
        known = read_truth(truth, source, options.selection(), truth_column, normal, options.reading())
    opened = options.open(source)
    parts = [ranking for _, ranking in ranked(estimator, opened, level)]
    report_skipped(opened.skipped)
    ids = [name for part in parts for name in part.id]
    recognised: dict[str, Any] = {}
    if classes is not None:
        names, trained = classes.of(ids), {str(name) for name in estimator.classes_}
        recognised = recognition(parts, names, trained)
        known = known or strangers(classes, trained)
    separated, title = separation(parts, ids, known, level is not None)  # type: ignore[arg-type]
    if json:
        say(json_format.dumps(recognised | separated, default=dict))
        return
    if recognised:
        table("Classes", in_words(recognised, level))
    if separated:
        table(title, in_words(separated, level))


def strangers(classes: "Classes", trained: set[str]) -> "Known":
    """Samples of classes that a model was not trained on, as anomalies."""
    import numpy as np

    from poleward.data.truth import Truth

    labels = np.array([label not in trained for label in classes.labels], bool)
    known = np.array([label != "" for label in classes.labels], bool)
    return Truth("of other classes", labels, known, classes.keys)


def recognition(parts: Sequence["Ranking"], names: Sequence[str], trained: set[str]) -> dict[str, Any]:
    """How well the classes of training are recognised, over all samples of them and over those that are accepted."""
    import numpy as np

    from poleward.data.reading import listed
    from poleward.metrics.classes import accuracy, balanced_accuracy, calibration_error

    of_training = np.array([name in trained for name in names], bool)
    if not of_training.any():
        raise SourceError(f"no sample is of a class of training ({listed(sorted(trained), 5)}); are these the labels?")
    true = np.array(names)[of_training]
    predicted = np.concatenate([part.label for part in parts])[of_training]
    confidence = np.concatenate([part.confidence for part in parts])[of_training]
    accepted = ~np.concatenate([part.is_anomaly for part in parts])[of_training]
    return {
        "n_of_known_classes": int(of_training.sum()),
        "accuracy": accuracy(true.tolist(), predicted.tolist()),
        "balanced_accuracy": balanced_accuracy(true.tolist(), predicted.tolist()),
        "calibration_error": calibration_error(true.tolist(), predicted.tolist(), confidence),
        "accepted": float(accepted.mean()),
        "accuracy_of_accepted": accuracy(true[accepted].tolist(), predicted[accepted].tolist()),
    }


def separation(
    parts: Sequence["Ranking"], ids: Sequence[str], known: "Known", decided: bool
) -> tuple[dict[str, Any], str]:
    """How well the scores separate anomalies, and a title; nothing where no class is a stranger to the model."""
    import numpy as np

    from poleward.metrics.ranking import evaluate as figures

    is_anomaly, is_known = known.aligned(ids)
    if parts[0].label is not None and not is_anomaly.any():
        return {}, ""
    score, flagged = (
        np.concatenate([getattr(part, name) for part in parts])[is_known] for name in ("score", "is_anomaly")
    )
    result = figures(is_anomaly[is_known], score)
    n_all = result.n_anomalous + result.n_normal
    title = f"{result.n_anomalous:,} anomalies among {n_all:,} samples (column {known.column})"
    return vars(result) | (shares_flagged(flagged, is_anomaly[is_known]) if decided else {}), title


def shares_flagged(flagged: "NDArray[np.bool_]", is_anomaly: "NDArray[np.bool_]") -> dict[str, float]:
    """What a decision does: the share of the anomalies that it finds, and of the normal samples that it flags."""
    return {
        "anomalies_found": float(flagged[is_anomaly].mean()),
        "false_alarms": float(flagged[~is_anomaly].mean()),
    }


def rows_of(evaluation: "Evaluation") -> list[tuple[str, ...]]:
    """The figures as a reader wants them."""
    return in_words(vars(evaluation), None)


WORDS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "fpr95": "FPR95, normal positive",
    "fpr95_ood_positive": "FPR95, anomaly positive",
    "anomalies_found": "anomalies found at level {level:g}",
    "false_alarms": "false alarms at level {level:g}",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "calibration_error": "calibration error of the confidence",
    "accepted": "accepted",
    "accuracy_of_accepted": "accuracy of the accepted",
}
"""Figures by name, in words; what is not here, counts, stands elsewhere."""


def in_words(figures: Mapping[str, Any], level: float | None) -> list[tuple[str, ...]]:
    """Figures by name as rows of a table."""
    rows: list[tuple[str, ...]] = [
        (words.format(level=level or 0.0), f"{figures[name]:.4f}") for name, words in WORDS.items() if name in figures
    ]
    first = figures.get("precision_at", {})
    return rows + [(f"precision among the first {n:,}", f"{p:.4f}") for n, p in first.items()]
