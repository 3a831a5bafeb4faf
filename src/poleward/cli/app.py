"""The commands by name, and what an error looks like.

Exit codes: 0 done, 1 anomalies found (`score --fail-on-anomaly`), 2 an error said in one line, 130 stopped by the user.
"""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

import poleward
from poleward.cli.audit import audit
from poleward.cli.bench import bench
from poleward.cli.correct import correct
from poleward.cli.demo import demo
from poleward.cli.evaluate import evaluate
from poleward.cli.explain import explain
from poleward.cli.explore import explore
from poleward.cli.export import export
from poleward.cli.figure import figure
from poleward.cli.fit import fit
from poleward.cli.info import info
from poleward.cli.options import with_source_options
from poleward.cli.recalibrate import recalibrate
from poleward.cli.report import report
from poleward.cli.sample import sample
from poleward.cli.score import score
from poleward.cli.serve import serve
from poleward.cli.update import update
from poleward.cli.watch import watch
from poleward.errors import Interrupted, PolewardError

app = typer.Typer(
    name="poleward",
    help="Finds what does not belong in a collection of images or a table, and says how sure it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ABOUT_SOURCES: tuple[Callable[..., None], ...] = (
    fit,
    score,
    explain,
    report,
    explore,
    evaluate,
    audit,
    recalibrate,
    update,
    figure,
    watch,
)
ABOUT_MODELS: tuple[Callable[..., None], ...] = (sample, correct, serve, export, info, demo, bench)
for command in (*map(with_source_options, ABOUT_SOURCES), *ABOUT_MODELS):
    app.command(name=command.__name__)(command)


MISUSE: Any = typer.BadParameter.__base__
"""What typer raises for a command line that it cannot read; it has its own copy of click's class, or click's."""


def _version(asked: bool) -> bool:
    if asked:
        typer.echo(f"poleward {poleward.__version__}")
        raise typer.Exit
    return asked


@app.callback()
def poleward_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before any command."""


def main() -> None:
    """Run the command line; an error that Poleward raises on purpose is one line on standard error."""
    try:
        sys.exit(app(prog_name="poleward", standalone_mode=False))
    except MISUSE as error:
        _leave(2, error.format_message())
    except PolewardError as error:
        _leave(2, str(error))
    except (Interrupted, KeyboardInterrupt, typer.Abort) as stopped:
        _leave(130, str(stopped) or "stopped")
    except MemoryError as error:
        _leave(2, f"the memory does not suffice ({error or 'out of memory'}); give less at a time, for example --limit")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _leave(2, f"{place}{error.strerror or error or type(error).__name__}")


def _leave(code: int, why: str) -> None:
    if why:  # nothing is left to say where the help was the answer
        typer.echo(f"poleward: {why}".replace("\n", " "), err=True)
    sys.exit(code)
