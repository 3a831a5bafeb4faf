"""Files and folders put in place only when they are complete."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow as pa

from poleward.errors import OutputError
from poleward.staging import staged


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """Give a hidden path to write to, which takes the name ``path`` when the block ends well, else is removed.

    Errors
    ------
    OutputError : the path is a folder already, or its place cannot be written
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder already; choose another place")
    with ExitStack() as opened:
        with writing(path):
            hidden = opened.enter_context(staged(path))
        yield hidden / path.name
        with writing(path):
            (hidden / path.name).replace(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """OutputError that names the file for whatever keeps the block from writing."""
    try:
        yield
    except (OSError, pa.ArrowException) as fault:
        reason = getattr(fault, "strerror", None) or " ".join(str(fault).split())
        raise OutputError(f"{path}: cannot be written ({reason}); nothing was left behind") from fault


def require_another(path: Path, *others: Path) -> None:
    """OutputError where writing to ``path`` would touch one of the others: the same file, or within that folder."""
    for other in others:
        if path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other)):
            raise OutputError(f"{path}: is {other} itself; choose another place, it is never changed")
        if other.is_dir() and path.resolve().is_relative_to(other.resolve()):
            raise OutputError(f"{path}: lies in {other}; choose a place outside, it is never changed")
