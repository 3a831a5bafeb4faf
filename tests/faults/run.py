"""Plant faults of one line, one by one, in a copy of the tree, and demand that a test turns red for each.

Usage: python tests/faults/run.py [--only TEXT] [--workers N]

The faults stand in faults.toml. Their tests must be green before anything is planted.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["SCIPY_ARRAY_API"] = "1"

import hypothesis
import pytest
import sklearn.ensemble  # noqa: F401 - whatever is imported here need not be imported for each fault
import torch

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("src", "tests", "pyproject.toml", "README.md", "docs")
SHARED = ROOT.parent / "shared"
GREEN, RED = 0, 1
FIRST_FOUND = "first found"
WORDS = ("-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile", FIRST_FOUND)
WORDS += ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # hypothesis is imported before pytest starts
hypothesis.settings.register_profile(
    FIRST_FOUND, deadline=None, derandomize=True, phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate]
)


@dataclass(frozen=True)
class Fault:
    """A line to plant.

    file, old, new : where, what stands there exactly once, and what is to stand there
    tests : files of which at least one must turn red
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def planted(self, text: str) -> str:
        """A file's text with the fault in it; SystemExit where the old text does not stand in it exactly once."""
        times = text.count(self.old)
        if times != 1:
            raise SystemExit(f"{self.file}: {self.old!r} stands {times} times in it; bring faults.toml up to date")
        return text.replace(self.old, self.new)


def declared() -> list[Fault]:
    """The faults of faults.toml, each found applicable."""
    told = tomllib.loads((ROOT / "tests" / "faults" / "faults.toml").read_text())["fault"]
    faults = [Fault(one["file"], one["old"], one["new"], tuple(one["tests"])) for one in told]
    for fault in faults:
        fault.planted((ROOT / fault.file).read_text())
    return faults


def copied_tree(place: Path) -> Path:
    """A copy of the tree, with the shared data beside it where there are some."""
    tree = place / "tree"
    tree.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, tree / name)
    if SHARED.exists():
        (place / "shared").symlink_to(SHARED.resolve())
    return tree


def started(tree: Path, tests: Iterable[str]) -> int:
    """Run test files of a tree in a process of its own; gives its number."""
    child = os.fork()
    if child:
        return child
    os.chdir(tree)
    said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.path.insert(0, str(tree / "src"))
    os.environ |= {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True  # else a planted line of the same length within the same second goes unnoticed
    torch.set_num_threads(1)
    code = 70
    try:
        code = int(pytest.main([*WORDS, *tests]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def finished(child: int) -> int:
    """The exit code of a process."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def require_green(tree: Path, faults: Iterable[Fault]) -> None:
    """SystemExit where the tests fail before anything is planted."""
    tests = sorted({name for fault in faults for name in fault.tests})
    if finished(started(tree, tests)) != GREEN:
        raise SystemExit(f"red before any fault was planted:\n{(tree / 'said').read_text()[-2000:]}")


def outcomes(trees: list[Path], faults: list[Fault]) -> Iterator[tuple[Fault, str, float]]:
    """What became of each fault, as many at a time as there are trees: (fault, what, seconds)."""
    waiting, free = list(faults), list(trees)
    running: dict[int, tuple[Fault, Path, str, float]] = {}
    while waiting or running:
        while waiting and free:
            fault, tree = waiting.pop(0), free.pop()
            sound = (tree / fault.file).read_text()
            (tree / fault.file).write_text(fault.planted(sound))
            running[started(tree, fault.tests)] = (fault, tree, sound, time.monotonic())
        child, status = os.wait()
        fault, tree, sound, start = running.pop(child)
        code = os.waitstatus_to_exitcode(status)
        (tree / fault.file).write_text(sound)
        free.append(tree)
        yield fault, {GREEN: "SURVIVED", RED: "red"}.get(code, f"ended with {code}"), time.monotonic() - start


def main() -> None:
    """Plant the faults; exit with 1 when one survives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="faults whose file or old text holds this text")
    parser.add_argument("--workers", type=int, default=2, help="faults planted at a time")
    asked = parser.parse_args()
    faults = [fault for fault in declared() if asked.only in fault.file or asked.only in fault.old]
    n_red = 0
    with tempfile.TemporaryDirectory() as place:
        trees = [copied_tree(Path(place) / str(number)) for number in range(asked.workers)]
        require_green(trees[0], faults)
        for fault, what, seconds in outcomes(trees, faults):
            n_red += what == "red"
            print(f"{what:8s} {seconds:5.1f} s  {fault.file}: {fault.new}", flush=True)
    print(f"{n_red} of {len(faults)} faults turned a test red")
    sys.exit(0 if n_red == len(faults) else 1)


if __name__ == "__main__":
    main()
