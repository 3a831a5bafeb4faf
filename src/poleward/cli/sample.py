"""poleward sample."""

from pathlib import Path
from typing import Annotated

import typer

from poleward.cli.options import Config, Device, Model
from poleward.cli.terminal import say


def sample(
    model: Model,
    out: Annotated[
        Path,
        typer.Option(help="A .csv or .parquet for rows; a .npz, .npy or a folder for images.", show_default=False),
    ],
    n: Annotated[int, typer.Option("-n", "--number", min=1, help="How many.")] = 16,
    seed: Annotated[int, typer.Option(help="Same model and seed: same samples.", min=0)] = 0,
    device: Device = "auto",
    config: Config = None,
) -> None:
    """Make new data: draw from the latent island and decode."""
    from poleward.data.writing import write_samples
    from poleward.detector.detector import Detector

    detector = Detector.load(model, device)
    write_samples(out, detector.model_.sample(n, seed))
    say(f"{n:,} new samples lie in {out}")
