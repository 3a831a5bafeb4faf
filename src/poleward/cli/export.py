"""poleward export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.options import Config, Model, SourceOptions
from poleward.cli.terminal import say
from poleward.errors import SettingError

if TYPE_CHECKING:
    from poleward.detector.detector import Detector
    from poleward.records import Features

MOST_ROWS = 1024
"""Reference samples that are taken from a source."""


def export(
    model: Model,
    onnx: Annotated[Path, typer.Option(help="Folder for the exported model.", show_default=False)],
    rows: Annotated[
        Path | None,
        typer.Option(
            help="Source whose first samples the two models must agree on; made samples when left out.",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Write MODEL as a folder that scores without torch: its network as ONNX, the rest as readable metadata and arrays;
    fails where the two do not score alike."""
    try:
        from poleward.export.exporting import export as export_detector
    except ModuleNotFoundError as missing:
        raise SettingError(f'{missing.name} is not installed; pip install "poleward[export]"') from missing
    from poleward.detector.detector import Detector

    detector = Detector.load(model, "cpu")
    found = export_detector(detector, onnx, None if rows is None else reference(detector, rows))
    farthest = f"{found.farthest:.2g}"
    say(f"{len(found.scores):,} reference samples differ by at most {farthest}; the exported model lies in {onnx}")


def reference(detector: "Detector", path: Path) -> "Features":
    """The first samples of a source, prepared."""
    from itertools import islice

    facts = detector.model_.facts
    source = SourceOptions(limit=MOST_ROWS).as_trained(facts).named_as_trained(facts, path).open(path)
    (batch,) = islice(source.batches(MOST_ROWS), 1)
    return detector.model_.preparation.encode(detector.raw(batch.data))
