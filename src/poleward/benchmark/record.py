"""What a benchmark leaves behind: figures with their goal, command, seed, code hash, machine and date."""

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import torch

import poleward
from poleward.benchmark.measuring import Interval


@dataclass(frozen=True)
class Figure:
    """One measured quantity.

    name : what was measured, with its unit
    value : typical value and interval
    goal : what it should be, in words, or ""
    met : whether it is, or None without a goal
    """

    name: str
    value: Interval
    goal: str = ""
    met: bool | None = None


def write_record(folder: Path, suite: str, command: str, seed: int, figures: Sequence[Figure]) -> None:
    """Write SUITE.json and SUITE.md into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "suite": suite,
        "command": command,
        "seed": seed,
        "date": date.today().isoformat(),
        "version": poleward.__version__,
        "code": code_hash(),
        "machine": machine(),
        "figures": [asdict(figure) for figure in figures],
    }
    (folder / f"{suite}.json").write_text(json.dumps(record, indent=1) + "\n")
    (folder / f"{suite}.md").write_text(as_markdown(record, figures))


def as_markdown(record: dict[str, Any], figures: Sequence[Figure]) -> str:
    """The record as one table under a line that says where it comes from."""
    verdict = {True: "yes", False: "**no**", None: ""}
    lines = [
        f"# {record['suite']}",
        "",
        f"`{record['command']}`, seed {record['seed']}, {record['date']}, code `{record['code']}`;"
        f" {record['machine']}.",
        "Typical values with 95 % bootstrap intervals: medians of turns taken side by side, means over tables.",
        "",
        "| figure | measured | goal | met |",
        "|---|---|---|---|",
    ]
    lines += [f"| {figure.name} | {figure.value} | {figure.goal} | {verdict[figure.met]} |" for figure in figures]
    return "\n".join(lines) + "\n"


@cache
def code_hash() -> str:
    """A short hash of the package's own source files, as they were at the first call."""
    root = Path(poleward.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def digest_of(texts: Sequence[str]) -> str:
    """A short hash of several texts in their order.

    >>> len(digest_of(["a", "b"]))
    12
    """
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def machine() -> str:
    """What the figures were measured on."""
    threads, python = torch.get_num_threads(), platform.python_version()
    card = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{platform.machine()}{card}, {threads} threads, Python {python}, torch {torch.__version__}"
