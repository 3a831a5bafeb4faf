"""What people see: progress on a terminal, one line for an error, tables of figures."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console


def console(stderr: bool = False) -> "Console":
    """Where to print; without colours and frames when it is not a terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)


def say(text: str = "") -> None:
    """One line on standard output, as it is."""
    console().print(text, markup=False)


def warn(text: str) -> None:
    """One line on standard error."""
    console(stderr=True).print(text, style="yellow", markup=False)


class Advance(Protocol):
    """Tells a progress bar how much is done, of how much in all, and of what where that is something else now."""

    def __call__(self, done: int, total: int | None, what: str | None = None) -> None: ...  # noqa: D102 - told above


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """A progress bar on standard error, quiet when that is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total, what=None: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int | None, what: str | None = None) -> None:
            nonlocal task
            if what is not None:
                bar.remove_task(task)
                task = bar.add_task(what, total=None)
            bar.update(task, completed=done, total=total)

        yield advance


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C ask for a stop at the next step; the second one stops at once."""
    asked = False

    def ask(signum: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def table(title: str, rows: Sequence[tuple[str, ...]], header: Sequence[str] = ()) -> None:
    """Rows of text, the first column to the left and the others to the right."""
    from rich.box import SIMPLE
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", box=SIMPLE, show_header=bool(header), pad_edge=False)
    for column in range(len(rows[0]) if rows else 0):
        grid.add_column(header[column] if header else "", justify="left" if column == 0 else "right", overflow="fold")
    for row in rows:
        grid.add_row(*map(plain, row))
    console().print(grid)


def plain(text: str) -> str:
    """Text that rich takes as it is.

    >>> plain("[red]")
    '\\\\[red]'
    """
    from rich.markup import escape

    return escape(text)


def report_skipped(skipped: Sequence[tuple[str, str]]) -> None:
    """Name what was left out."""
    if skipped:
        warn(f"{len(skipped)} damaged, left out:")
        for name, reason in skipped:
            warn(f"  {name}: {reason}")
