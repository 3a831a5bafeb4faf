"""poleward watch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poleward.cli.options import Config, Device, Model, SourceOptions, SourcePath
from poleward.cli.score import FOUND, batches, faults_placed
from poleward.cli.terminal import report_skipped, say, table
from poleward.errors import SettingError

if TYPE_CHECKING:
    from poleward.data.source import Source
    from poleward.detector.detector import Detector
    from poleward.records import Drift

ALPHA = 0.01
SHOWN = 5
"""Columns named in a line at most."""


def watch(
    model: Model,
    source: SourcePath,
    batch: Annotated[int, typer.Option(min=2, help="Samples that are compared together.")] = 1000,
    alpha: Annotated[float, typer.Option(help="Chance of any false alarm over all batches, ever.")] = ALPHA,
    state: Annotated[
        Path | None, typer.Option(help="File that counts the batches over several runs, .json; made when missing.")
    ] = None,
    fail_on_drift: Annotated[
        bool, typer.Option("--fail-on-drift", help="Exit with 1 when any batch has moved.")
    ] = False,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Tell batch by batch whether SOURCE has moved away from what MODEL was calibrated on, and in which columns."""
    from poleward.data.writing import write_text
    from poleward.detector.detector import Detector

    seen = batches_seen(state)
    detector = Detector.load(model, device)
    opened = options.as_trained(detector.model_.facts).open(source)
    found = list(drifts(detector, opened, batch, alpha, seen))
    report_skipped(opened.skipped)
    if state is not None:
        write_text(state, json.dumps({"batches": seen + len(found)}) + "\n")
    table("batch", [(f"{one.number:,} ({one.n_samples:,} samples)", in_words(one)) for one in found])
    moved = sum(one.has_moved for one in found)
    say(f"{moved:,} of {len(found):,} batches have moved; the chance of any false alarm, ever, is at most {alpha:g}")
    if fail_on_drift and moved:
        raise typer.Exit(FOUND)


def drifts(detector: "Detector", source: "Source", size: int, alpha: float, seen: int) -> Iterator["Drift"]:
    """What every batch of a source says, the last one shorter; it is counted on from those seen before."""
    for number, data in enumerate(rebatched(detector, source, size), start=1):
        yield detector.model_.drift(data, seen + number, alpha)


def rebatched(detector: "Detector", source: "Source", size: int) -> Iterator[Any]:
    """The samples of a source as the model takes them, so many at a time."""
    from poleward.detector.rows import joined

    held: list[Any] = []
    for number, some in enumerate(batches(source, "comparing")):
        with faults_placed(some, number):
            held.append(detector.raw(some.data))
        while sum(len(part) for part in held) >= size:
            whole = joined(held)
            yield whole[:size]
            held = [whole[size:]]
    rest = joined(held) if held else []
    if len(rest):
        yield rest


def batches_seen(state: Path | None) -> int:
    """How many batches were compared before; SettingError for a file that does not say so."""
    if state is None or not state.exists():
        return 0
    try:
        seen = json.loads(state.read_text(encoding="utf-8"))["batches"]
        if not isinstance(seen, int) or seen < 0:
            raise ValueError(seen)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise SettingError(f"{state}: is no file of --state ({error}); move it away") from error
    return seen


def in_words(drift: "Drift") -> str:
    """One batch in a line."""
    if not drift.has_moved:
        return f"as before (scores p = {drift.p_value:.3g})"
    named = ", ".join(drift.moved[:SHOWN]) + (
        f" and {len(drift.moved) - SHOWN} more" if len(drift.moved) > SHOWN else ""
    )
    return f"MOVED (scores p = {drift.p_value:.3g})" + (f" in {named}" if named else "")
