"""poleward score."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.options import Alpha, Config, Device, Model, SourceOptions, SourcePath
from poleward.cli.terminal import progress, report_skipped, say
from poleward.errors import OutputError, SourceError

if TYPE_CHECKING:
    from poleward.data.source import Batch, Source
    from poleward.detector.detector import Detector
    from poleward.records import Ranking

ROWS_AT_A_TIME = {"images": 512, "table": 4096}


def score(
    model: Model,
    source: SourcePath,
    out: Annotated[Path, typer.Option(help="File for the ranking, .csv or .parquet.", show_default=False)],
    alpha: Alpha = None,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Rank the samples of SOURCE: id, score, p_value, is_anomaly and in_training of each, in its order."""
    from poleward.data.rankings import RankingWriter
    from poleward.detector.detector import Detector

    if out.exists() and source.exists() and out.samefile(source):
        raise OutputError(f"{out}: is the source itself; choose another --out")
    with RankingWriter(out) as writer:
        detector = Detector.load(model, device)
        opened = options.as_trained(detector.model_.facts).open(source)
        n_ranked = n_flagged = 0
        for _, ranking in ranked(detector, opened, alpha):
            writer.write(ranking)
            n_ranked += len(ranking.id)
            n_flagged += int(ranking.is_anomaly.sum())
    report_skipped(opened.skipped)
    say(f"{n_ranked:,} samples ranked, {n_flagged:,} called anomalies; the ranking lies in {out}")


def ranked(detector: "Detector", source: "Source", alpha: float | None) -> Iterator[tuple["Batch", "Ranking"]]:
    """Go through a source, some samples at a time, and rank them."""
    from poleward.detector.settings import require_within_bounds

    if alpha is not None:
        require_within_bounds("alpha", alpha)
    done, total = 0, source.count()
    with progress("ranking") as advance:
        for batch in source.batches(ROWS_AT_A_TIME[source.kind]):
            try:
                ranking = detector.model_.rank(detector.raw(batch.data), batch.ids, alpha)
            except SourceError as error:  # rows are counted within a batch
                raise type(error)(f"from sample {batch.ids[0]} on, {error}" if done else str(error)) from error
            yield batch, ranking
            done += len(batch.ids)
            advance(done, total)
