"""poleward explore."""

from contextlib import closing
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poleward.cli.options import Alarms, Alpha, Config, Device, Model, SourceOptions, SourcePath, asked_level
from poleward.cli.score import ranked
from poleward.cli.terminal import report_skipped, say
from poleward.errors import SettingError

if TYPE_CHECKING:
    from poleward.detector.detector import Detector
    from poleward.explorer.collection import Collection


def explore(
    model: Model,
    source: SourcePath,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of this machine; 0 for any that is free.")] = 0,
    labels: Annotated[
        Path | None, typer.Option(help="File that keeps the labels; SOURCE's name with .labels, here, when left out.")
    ] = None,
    alpha: Alpha = None,
    alarms: Alarms = None,
    device: Device = "auto",
    config: Config = None,
    *,
    options: SourceOptions,
) -> None:
    """Look at the ranked samples of SOURCE in a browser, label them, and rank them again by the labels."""
    try:
        from poleward.explorer.server import address, new_token, server
        from poleward.serve.limits import listening
    except ModuleNotFoundError as missing:
        raise SettingError(f'{missing.name} is not installed; pip install "poleward[explore]"') from missing
    from poleward.detector.detector import Detector
    from poleward.explorer.exploration import Exploration
    from poleward.explorer.labels import LabelLog

    file, detector = labels or Path(f"{source.resolve().name}.labels"), Detector.load(model, device)
    with closing(listening(port)) as listener, closing(LabelLog(file)) as log:
        collection = collected(detector, source, options, asked_level(alpha, alarms))
        exploration, token = Exploration(collection, log, _user()), new_token()
        say(f"Labels are kept in {file}")
        say(f"The explorer is at {address(listener.getsockname()[1], token)} (Ctrl-C stops it)")
        server(exploration, token).run(sockets=[listener])


def collected(detector: "Detector", path: Path, options: SourceOptions, level: float | None) -> "Collection":
    """The ranked samples of a source."""
    from poleward.explorer.collection import gather

    facts = detector.model_.facts
    options = options.as_trained(facts).named_as_trained(facts, path)
    opened = options.open(path)
    parts = ((detector.raw(batch.data), ranking) for batch, ranking in ranked(detector, opened, level))
    collection = gather(detector.model_, path.resolve().name, parts, path, options.selection(), options.reading())
    report_skipped(opened.skipped)
    return collection


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "unknown"
