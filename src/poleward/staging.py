"""Hidden folders beside an output, in which it is made before it takes its name.

Whoever makes something holds a lock on its folder that ends with the process, however that ends. A folder that nobody
holds was left by a killed process: the next one that writes the same output removes it, or goes on from it where that
was asked for.
"""

import ctypes
import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

BEFORE = "before"
"""What had the name, in the moment between two renamings."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Give an empty hidden folder beside a path, on the same file system; with the block it ends too.

    Errors
    ------
    OSError : the place cannot be written
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_abandoned(path)
    folder, lock = _made(path)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _let_go(lock)


@contextmanager
def resumable(path: Path, resume: bool) -> Iterator[Path]:
    """Give a hidden folder beside a path for parts of what will have its name; when the block fails, they stay.

    resume : with the parts that an earlier block has left; else without any

    Errors
    ------
    OSError : the place cannot be written; BlockingIOError while another process has the folder
    """
    folder = path.with_name(f".{path.name}.unfinished")
    lock = _taken(folder)
    try:
        for part in [] if resume else folder.iterdir():
            part.unlink()
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        with suppress(OSError):  # not empty, or no longer there
            folder.rmdir()
        _let_go(lock)


def exchange(made: Path, path: Path) -> None:
    """Give a finished folder its name in one step; what had the name lies in the same hidden folder afterwards.

    Where the file system cannot exchange two names there are two steps, and ``clear_abandoned`` undoes the first.
    """
    if not path.exists():
        made.rename(path)
    elif not _exchanged(made, path):
        before = made.with_name(BEFORE)
        path.rename(before)
        try:
            made.rename(path)
        except OSError:
            before.rename(path)
            raise


def clear_abandoned(path: Path) -> None:
    """Remove what killed processes have left beside a path."""
    left = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.part")
    for folder in [entry for entry in path.parent.iterdir() if left.fullmatch(entry.name)]:
        with suppress(OSError):  # somebody else removes it too
            lock = _held(folder)
            if lock is None:
                continue
            if (folder / BEFORE).exists() and not path.exists():
                (folder / BEFORE).rename(path)
            shutil.rmtree(folder, ignore_errors=True)
            _let_go(lock)


def _made(path: Path) -> tuple[Path, int | None]:
    """A new folder and its lock; another one where somebody took it for abandoned before it was locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        if sys.platform == "win32":
            return folder, None
        with suppress(FileNotFoundError):
            lock = _held(folder)
            if lock is not None and folder.exists():
                return folder, lock


def _taken(folder: Path) -> int | None:
    """A folder of this name, and its lock."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # whoever had it has just removed it
            lock = _held(folder)
            if lock is None and sys.platform != "win32":
                raise BlockingIOError(errno.EAGAIN, "another process is writing it", str(folder))
            if folder.exists():
                return lock
            _let_go(lock)


def _held(folder: Path) -> int | None:
    """A lock on a folder, None where somebody else has it or where there are no such locks."""
    if sys.platform == "win32":
        return None
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _let_go(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names at once; False where that is not possible."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(number, os.strerror(number), str(other))
