"""poleward bench."""

from pathlib import Path
from typing import Annotated

import typer

from poleward.cli.terminal import say


def bench(
    suite: Annotated[
        str,
        typer.Argument(
            help="Which: tables, images, ood, compression, published, generation, audit, reranking, correction, serving"
            " or speed."
        ),
    ] = "speed",
    only: Annotated[
        str | None,
        typer.Option(
            help="Rows, data sets or parts by name, with commas; rows are merged into the record that is there."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Made data, one seed, one epoch: under two minutes in all but speed.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="How many splits, trainings and draws.")] = 3,
    data: Annotated[Path, typer.Option(help="Folder with a folder for each data set.")] = Path("../shared/data"),
    out: Annotated[Path | None, typer.Option(help="Folder for SUITE.json and SUITE.md.")] = None,
) -> None:
    """Measure quality, or speed and memory, contenders side by side in one run."""
    from poleward.benchmark.suite import Request
    from poleward.benchmark.suites import suite_named
    from poleward.training.memory import keep_freed_memory

    words = tuple(word.strip() for word in only.split(",")) if only else ()
    keep_freed_memory()
    suite_named(suite).run(Request(suite, words, seeds, data, out, quick), say)
