"""poleward audit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poleward.cli.loading import load_classifier
from poleward.cli.options import Config, Device, Labels, SourceOptions, SourcePath, read_labels, require_other
from poleward.cli.score import batches, faults_placed
from poleward.cli.terminal import report_skipped, say, table

if TYPE_CHECKING:
    from poleward.records import LabelDoubt, NearCopy

SHOWN = 10
"""Lines of either list that are printed."""


def audit(
    model: Annotated[Path, typer.Argument(help="Folder that `poleward fit --labels` wrote.", show_default=False)],
    source: SourcePath,
    labels: Labels = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the likely wrong labels, .csv or .parquet.", show_default=False)
    ] = None,
    copies: Annotated[
        Path | None, typer.Option(help="File for the near-duplicates, .csv or .parquet.", show_default=False)
    ] = None,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """List likely wrong labels of SOURCE, and its near-duplicates of the samples that a classifier learned from.

    Without --labels, samples of the training set have the labels that they were fitted with.
    """
    from poleward.data.writing import write_samples

    for place in (out, copies):
        if place is not None:
            require_other(source, place, "file")
    classifier = load_classifier(model, device)
    facts = classifier.model_.facts
    options = options.as_trained(facts).named_as_trained(facts, source)
    classes = None if labels is None else read_labels(labels, source, options)
    opened = options.open(source)
    found: list[LabelDoubt] = []
    near: list[NearCopy] = []
    n_labelled = 0
    for number, batch in enumerate(batches(opened, "auditing")):
        with faults_placed(batch, number):
            said = None if classes is None else classes.of(batch.ids)
            part = classifier.model_.audit(classifier.raw(batch.data), batch.ids, said)
        found += part.doubts
        near += part.copies
        n_labelled += part.n_labelled
    report_skipped(opened.skipped)
    found.sort(key=lambda doubt: -doubt.probability)
    near.sort(key=lambda pair: pair.distance)
    for place, lines in ((out, doubt_lines(found)), (copies, copy_lines(near))):
        if place is not None:
            write_samples(place, lines)
    say(f"{len(found):,} of {n_labelled:,} labels may be wrong; {len(near):,} near-duplicates")
    shown(found[:SHOWN], near[:SHOWN])


def doubt_lines(doubts: "list[LabelDoubt]") -> Any:
    """An Arrow table of doubted labels."""
    import pyarrow as pa

    names = {"id": pa.string(), "label": pa.string(), "suggested": pa.string(), "probability": pa.float64()}
    kinds = pa.schema(names | {"agreement": pa.float64()})
    return pa.Table.from_pylist([vars(doubt) for doubt in doubts], kinds)


def copy_lines(pairs: "list[NearCopy]") -> Any:
    """An Arrow table of pairs."""
    import pyarrow as pa

    kinds = {"id": pa.string(), "copy_of": pa.string(), "distance": pa.float64(), "exact": pa.bool_()}
    return pa.Table.from_pylist([vars(pair) for pair in pairs], pa.schema(kinds))


def shown(doubts: "list[LabelDoubt]", pairs: "list[NearCopy]") -> None:
    """The first lines of both lists."""
    if doubts:
        lines = [(doubt.id, doubt.label, doubt.suggested, f"{doubt.probability:.3f}") for doubt in doubts]
        table("Labels that may be wrong", lines, ("id", "label", "suggested", "probability"))
    if pairs:
        rows = [(pair.id, pair.copy_of, "same" if pair.exact else f"{pair.distance:.4f}") for pair in pairs]
        table("Near-duplicates", rows, ("id", "copy of", "distance"))
