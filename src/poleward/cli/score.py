"""poleward score."""

import hashlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import poleward
from poleward.cli.loading import is_classifier, load_estimator
from poleward.cli.options import (
    Alarms,
    Alpha,
    Config,
    Device,
    Model,
    SourceOptions,
    SourcePath,
    asked_level,
    require_other,
)
from poleward.cli.terminal import progress, report_skipped, say, warn
from poleward.errors import SettingError, SourceError

if TYPE_CHECKING:
    from poleward.calibration.discovery import Discoveries
    from poleward.classifier.classifier import OpenSetClassifier
    from poleward.data.source import Batch, Source
    from poleward.data.unfinished import Unfinished
    from poleward.detector.detector import Detector
    from poleward.records import Ranking

ROWS_AT_A_TIME = {"images": 512, "table": 4096}

LOCAL, RAY = "local", "ray"

FOUND = 1
"""Exit code of --fail-on-anomaly when there is one; the ranking is written all the same."""


def score(
    model: Model,
    source: SourcePath,
    out: Annotated[Path, typer.Option(help="File for the ranking, .csv or .parquet.", show_default=False)],
    alpha: Alpha = None,
    alarms: Alarms = None,
    fdr: Annotated[
        float | None,
        typer.Option(help="False discovery rate: at most this share of those called anomalies is normal, on average."),
    ] = None,
    fail_on_anomaly: Annotated[
        bool, typer.Option("--fail-on-anomaly", help="Exit with 1 when any sample is called an anomaly.")
    ] = False,
    device: Device = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from what a stopped run with the same --out has ranked.")
    ] = False,
    engine: Annotated[
        str, typer.Option(metavar="local|ray", help="Who computes: this process, or the workers of a Ray cluster.")
    ] = LOCAL,
    address: Annotated[
        str | None, typer.Option(help="Of a running Ray cluster; without it, one is started on this machine.")
    ] = None,
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Rank the samples of SOURCE: id, score, p_value, is_anomaly and in_training of each, in its order.

    A model that was fitted with --labels adds class and confidence.
    """
    from poleward.calibration.discovery import Discoveries
    from poleward.data.rankings import RankingWriter
    from poleward.data.unfinished import unfinished

    level = asked_level(alpha, alarms, fdr)
    require_engine(engine, address, resume)
    require_other(source, out)
    with_classes = is_classifier(model)
    if with_classes and engine == RAY:
        raise SettingError(
            f"{model}: was fitted with --labels, and such models rank in this process; leave --engine out"
        )
    writer = RankingWriter(out, with_classes)
    with unfinished(out, ranked_by(model, level, device), resume) as before, writer:
        detector = load_estimator(model, device)
        facts = detector.model_.facts
        opened = options.as_trained(facts).named_as_trained(facts, source).open(source)
        skipped: list[tuple[str, str]] = []
        rankings = (ranking for _, ranking in ranked(detector, opened, level, before))
        if engine == RAY:
            rankings = ranked_on_cluster(model, opened, level, address, skipped)
        if fdr is not None:
            discoveries = Discoveries(len(detector.model_.conformal.scores), fdr)
            rankings = discovered(rankings, discoveries, out, with_classes)
        n_ranked = n_flagged = 0
        with closing(rankings):
            for ranking in rankings:
                writer.write(ranking)
                n_ranked += len(ranking.id)
                n_flagged += int(ranking.is_anomaly.sum())
    report_skipped(skipped or opened.skipped)
    if resume:
        say(f"{before.n_found:,} samples were ranked before")
    say(f"{n_ranked:,} samples ranked, {n_flagged:,} called anomalies; the ranking lies in {out}")
    if fail_on_anomaly and n_flagged:
        raise typer.Exit(FOUND)


def discovered(
    rankings: Iterable["Ranking"], discoveries: "Discoveries", beside: Path, with_classes: bool = False
) -> Generator["Ranking", None, None]:
    """The rankings with decisions that need all p-values: written to a file beside another, then gone through again."""
    from poleward.data.rankings import RankingWriter, ranking_pieces
    from poleward.staging import staged

    with staged(beside) as folder:
        undecided = folder / "ranking.parquet"
        with RankingWriter(undecided, with_classes) as writer:
            for ranking in rankings:
                discoveries.add(ranking.p_value)
                writer.write(ranking)
        too_few = discoveries.warning()
        if too_few:
            warn(too_few)
        level = discoveries.level()
        for ranking in ranking_pieces(undecided):
            yield replace(ranking, is_anomaly=ranking.p_value <= level)


def ranked_by(model: Path, level: float | None, device: str) -> str:
    """All but the samples that a ranking follows from: the model (its manifest has checksums of its files), the level
    and the device that were asked for, and the version."""
    from poleward.artifact.folder import MANIFEST

    content = hashlib.sha256((model / MANIFEST).read_bytes()).hexdigest()
    return f"{content} {level} {device} {poleward.__version__}"


def require_engine(engine: str, address: str | None, resume: bool) -> None:
    """SettingError for an engine that is not known, and for what goes with another engine."""
    if engine not in (LOCAL, RAY):
        raise SettingError(f"--engine is {engine!r}; choose {LOCAL} or {RAY}")
    if address is not None and engine != RAY:
        raise SettingError(f"--address {address} is that of a Ray cluster; say also --engine {RAY}")
    if resume and engine == RAY:
        raise SettingError(f"--resume goes with --engine {LOCAL}; leave one of them out")


def ranked_on_cluster(
    model: Path, source: "Source", alpha: float | None, address: str | None, skipped: list[tuple[str, str]]
) -> Generator["Ranking", None, None]:
    """Let the workers of a Ray cluster go through a source; the rankings come in its order."""
    from poleward.detector.settings import require_within_bounds
    from poleward.distributed.cluster import ranked_by_ray

    if alpha is not None:
        require_within_bounds("alpha", alpha)
    done, total = 0, source.count()
    with progress("ranking") as advance:
        for ranking in ranked_by_ray(model, source, alpha, address, skipped):
            yield ranking
            done += len(ranking.id)
            advance(done, total)


def ranked(
    detector: "Detector | OpenSetClassifier",
    source: "Source",
    alpha: float | None,
    before: "Unfinished | None" = None,
) -> Iterator[tuple["Batch", "Ranking"]]:
    """Go through a source, some samples at a time, and rank those that a stopped run has not ranked before."""
    from poleward.detector.settings import require_within_bounds

    if alpha is not None:
        require_within_bounds("alpha", alpha)

    def rank(batch: "Batch") -> "Ranking":
        return detector.model_.rank(detector.raw(batch.data), batch.ids, alpha)

    for number, batch in enumerate(batches(source, "ranking")):
        with faults_placed(batch, number):
            ranking = rank(batch) if before is None else before.ranking(batch, rank)
        yield batch, ranking


def batches(source: "Source", doing: str) -> Iterator["Batch"]:
    """Go through a source, some samples at a time, showing how far it is."""
    done, total = 0, source.count()
    with progress(doing) as advance:
        for batch in source.batches(ROWS_AT_A_TIME[source.kind]):
            yield batch
            done += len(batch.ids)
            advance(done, total)


@contextmanager
def faults_placed(batch: "Batch", number: int) -> Iterator[None]:
    """A fault of some batch but the first says where that batch begins: rows are counted within it."""
    try:
        yield
    except SourceError as error:
        raise type(error)(f"from sample {batch.ids[0]} on, {error}" if number else str(error)) from error
