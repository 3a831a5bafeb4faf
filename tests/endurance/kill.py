"""Kill commands at seeded random moments, and see that nothing half-made is taken for whole and a rerun ends the same.

Usage: python -m tests.endurance.kill --times 100 --seed 0

Half of the kills come before the n-th file operation of the command (a file opened for writing, made, renamed,
removed), half after a random time. Then every output must be the old one, the new one or absent, a checkpoint must be
readable, and the command, run again, must end with the bytes of an undisturbed run and leave nothing else behind.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from PIL import Image

import poleward.cli.app
import poleward.cli.score
import poleward.correction.rules
import poleward.data.copies
import poleward.data.patches
import poleward.data.retouch
import poleward.detector.detector
from poleward.artifact.folder import read_folder
from poleward.errors import ModelError
from poleward.training import checkpoint

torch.set_num_threads(1)
QUICK = ("--epochs", "2", "--n-latent", "3", "--batch-size", "32", "--scorer", "knn")
OPERATIONS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree", "shutil.copyfile"}
MOMENTS = {"before": "killed at a file operation", "after": "killed at a random time"}
OUTPUT = "said"


@dataclass(frozen=True)
class Command:
    """A command that writes.

    words : the command line; its outputs lie in the working folder, its inputs in ``world``
    outputs : names of what it writes
    needs : what of `MADE` must lie in ``world``
    before : what lies in the working folder when it starts, name -> a path in ``world``; an earlier output or a model
    again : words more in the second run
    """

    name: str
    words: tuple[str, ...]
    outputs: tuple[str, ...]
    needs: tuple[str, ...] = ()
    before: tuple[tuple[str, str], ...] = ()
    again: tuple[str, ...] = ()


TABLE_FIT = ("fit", "{world}/table.csv", "--out", "m", *QUICK)
IMAGE_FIT = ("fit", "{world}/images", "--out", "m", *QUICK)
SCORE = ("score", "{world}/older", "{world}/table.csv", "--out")
CORRECT = ("correct", "{world}/tables", "{world}/table.csv", "--out", "fixed.csv", "--patch", "changes.csv")
MADE = {
    "older": ("fit", "{world}/table.csv", *QUICK, "--seed", "7", "--out", "{world}/older"),
    "tables": ("fit", "{world}/table.csv", *QUICK, "--correction", "--out", "{world}/tables"),
    "pictures": ("fit", "{world}/images", *QUICK, "--correction", "--out", "{world}/pictures"),
    "r.parquet": ("score", "{world}/older", "{world}/table.csv", "--out", "{world}/r.parquet"),
}
"""Models and older outputs, and how they are made."""

OVER_A_MODEL = {"outputs": ("m",), "needs": ("older",), "before": (("m", "older"),)}
COMMANDS = (
    Command("fit", TABLE_FIT, ("m",)),
    Command("fit --resume", TABLE_FIT, ("m",), again=("--resume",)),
    Command("fit over a model", TABLE_FIT, **OVER_A_MODEL),
    Command("fit images --resume", IMAGE_FIT, ("m",), again=("--resume",)),
    Command("recalibrate in place", ("recalibrate", "m", "{world}/table.csv", "--out", "m"), **OVER_A_MODEL),
    Command("score", (*SCORE, "r.csv"), ("r.csv",), needs=("older",)),
    Command("score --resume", (*SCORE, "r.csv"), ("r.csv",), needs=("older",), again=("--resume",)),
    Command(
        "score over a ranking",
        (*SCORE, "r.parquet", "--fdr", "0.2"),
        outputs=("r.parquet",),
        needs=("older", "r.parquet"),
        before=(("r.parquet", "r.parquet"),),
    ),
    Command("correct a table", CORRECT, ("fixed.csv", "changes.csv"), needs=("tables",)),
    Command(
        "correct images",
        ("correct", "{world}/pictures", "{world}/images", "--out", "fixed"),
        outputs=("fixed",),
        needs=("pictures",),
    ),
)


def made_world(world: Path) -> None:
    """A table and a folder of images."""
    rng = np.random.default_rng(0)
    lines = [
        f"{rng.normal():.4f},{rng.normal():.4f},{rng.choice(['red', 'green', 'gren'], p=[0.5, 0.48, 0.02])}"
        for _ in range(80)
    ]
    (world / "table.csv").write_text("\n".join(["a,b,colour", *lines]) + "\n")
    (world / "images").mkdir()
    for number in range(24):
        pixels = rng.integers(90, 110, (8, 8), dtype=np.uint8)
        pixels[:, 3] = 255 if number == 5 else pixels[:, 3]
        Image.fromarray(pixels).save(world / "images" / f"{number:02d}.png")


def started(words: tuple[str, ...], folder: Path, in_child: Callable[[], None] = lambda: None) -> int:
    """Run a command in a process of its own, from memory that has everything imported; gives its number."""
    child = os.fork()
    if child:
        return child
    os.chdir(folder)
    with Path(OUTPUT).open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.argv = ["poleward", *words]
    code = 70
    try:
        in_child()
        poleward.cli.app.main()
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def finished(child: int) -> int:
    """The exit code of a process, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def require_done(name: str, child: int, folder: Path) -> None:
    """Leave, with what was said, when a command that nobody kills fails."""
    code = finished(child)
    if code:
        raise SystemExit(f"{name}: ended with {code}: {(folder / OUTPUT).read_text()}")


def on_operation(act: Callable[[int], None]) -> Callable[[], None]:
    """Have ``act(n)`` called before the n-th file operation, from 1, in the working folder."""

    def install() -> None:
        here, done = Path.cwd(), 0

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal done
            if is_operation(event, arguments) and Path(str(arguments[0])).absolute().is_relative_to(here):
                done += 1
                act(done)

        sys.addaudithook(count)

    return install


def is_operation(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether an audit event is a change to the file system; a file that is only read changes nothing."""
    flags = arguments[2] if event == "open" else 0
    return event in OPERATIONS or (isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR)))


def killed_at(number: int) -> Callable[[], None]:
    """Die before the file operation of that number."""
    return on_operation(lambda done: os.kill(os.getpid(), signal.SIGKILL) if done == number else None)


def counted_in(path: Path) -> Callable[[], None]:
    """Write how many file operations there were."""

    def tell(done: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(descriptor, str(done).encode())
        os.close(descriptor)

    return on_operation(tell)


def contents(place: Path) -> dict[str, bytes] | None:
    """What lies there: the bytes of a file, or of each file in a folder; None for nothing."""
    if not place.exists():
        return None
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


@dataclass(frozen=True)
class Undisturbed:
    """What a command does when nobody kills it: its outputs, the seconds and the file operations it takes."""

    outputs: dict[str, dict[str, bytes] | None]
    seconds: float
    operations: int


class Harness:
    """Inputs in one folder, and a new working folder for each run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = root / "world"
        self.world.mkdir()
        made_world(self.world)
        self.undisturbed: dict[str, Undisturbed] = {}

    def words(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """A command line with the places of the inputs."""
        return tuple(word.format(world=self.world) for word in words)

    def need(self, name: str) -> None:
        """Make a model or an older output, unless it is there."""
        if not (self.world / name).exists():
            require_done(name, started(self.words(MADE[name]), self.root), self.root)

    def folder(self, command: Command) -> Path:
        """A working folder in the state before the command."""
        for name in command.needs:
            self.need(name)
        folder = Path(tempfile.mkdtemp(dir=self.root))
        for name, source in command.before:
            place = self.world / source
            (shutil.copytree if place.is_dir() else shutil.copyfile)(place, folder / name)
        return folder

    def reference(self, command: Command) -> Undisturbed:
        """The command undisturbed."""
        if command.name not in self.undisturbed:
            folder, counter = self.folder(command), self.root / "operations"
            start = time.monotonic()
            require_done(command.name, started(self.words(command.words), folder, counted_in(counter)), folder)
            seconds = time.monotonic() - start
            outputs = {name: contents(folder / name) for name in command.outputs}
            self.undisturbed[command.name] = Undisturbed(outputs, seconds, int(counter.read_text()))
        return self.undisturbed[command.name]

    def kill(self, command: Command, rng: np.random.Generator) -> tuple[str, list[str]]:
        """Kill the command once and run it again: when it died, and what is wrong."""
        reference, folder = self.reference(command), self.folder(command)
        before = {name: contents(folder / name) for name in command.outputs}
        if rng.random() < 0.5:
            moment = int(rng.integers(1, reference.operations + 1))
            how = f"before file operation {moment} of {reference.operations}"
            code = finished(started(self.words(command.words), folder, killed_at(moment)))
        else:
            wait = rng.random() * reference.seconds
            how = f"after {wait:.3f} of {reference.seconds:.3f} s"
            child = started(self.words(command.words), folder)
            time.sleep(wait)
            os.kill(child, signal.SIGKILL)
            code = finished(child)
        faults = [] if code in (0, -signal.SIGKILL) else [f"ended with {code}"]
        faults += self.half_made(command, folder, before)
        faults += self.different_again(command, folder)
        shutil.rmtree(folder)
        return ("done before the kill" if code == 0 else how), faults

    def half_made(self, command: Command, folder: Path, before: dict[str, dict[str, bytes] | None]) -> list[str]:
        """What can be seen and is neither as before nor as it is to be."""
        whole = self.reference(command).outputs
        found = {name: contents(folder / name) for name in command.outputs}
        faults = [f"{name} is half-made" for name in found if found[name] not in (before[name], whole[name])]
        if (folder / "m.checkpoint").exists():
            try:
                read_folder(folder / "m.checkpoint", "checkpoint")
            except ModelError as error:
                faults.append(f"the checkpoint is damaged: {error}")
        known = {*command.outputs, "m.checkpoint", OUTPUT}
        seen = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        return faults + [f"{name} is left in sight" for name in sorted(seen - known)]

    def different_again(self, command: Command, folder: Path) -> list[str]:
        """What is not as in an undisturbed run after the command ran again."""
        whole = self.reference(command).outputs
        complete = all(contents(folder / name) == whole[name] for name in command.outputs)
        code = finished(started((*self.words(command.words), *command.again), folder))
        said = (folder / OUTPUT).read_text()
        faults = [f"run again, {name} differs" for name in whole if contents(folder / name) != whole[name]]
        if code and not (complete and "is a folder already" in said):
            faults.append(f"run again, it ended with {code}: {said}")
        left = {path.name for path in folder.iterdir()} - {*command.outputs, OUTPUT}
        return faults + [f"run again, {name} is left" for name in sorted(left)]


def often_between() -> None:
    """Let this process and its children stand between two batches, or two checkpoints, as often as can be."""
    checkpoint.SECONDS_BETWEEN = 0.0
    poleward.cli.score.ROWS_AT_A_TIME = {"images": 5, "table": 20}


def main() -> None:
    """Kill so many commands; exit with 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="how many kills")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", default="", help="some of the commands, between commas")
    asked = parser.parse_args()
    often_between()
    commands = [command for command in COMMANDS if command.name in (asked.only or command.name).split(",")]
    killed, n_faults = Counter[str](), 0
    with tempfile.TemporaryDirectory() as root:
        harness = Harness(Path(root))
        for number in range(asked.times):
            command = commands[number % len(commands)]
            how, faults = harness.kill(command, np.random.default_rng([asked.seed, number]))
            killed[command.name, MOMENTS.get(how.split()[0], how)] += 1
            n_faults += len(faults)
            for fault in faults:
                print(f"FAULT, kill {number}, {command.name}, {how}: {fault}", flush=True)
    for (name, how), times in sorted(killed.items()):
        print(f"{times:4d}  {name}: {how}")
    print(f"{asked.times} kills, {n_faults} faults")
    sys.exit(1 if n_faults else 0)


if __name__ == "__main__":
    main()
