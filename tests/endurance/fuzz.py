"""Feed damaged model folders and inputs to the command line: each must give a right answer or one clear line.

Usage: python -m tests.endurance.fuzz --cases 10000 --seed 0 [--only KIND]

A case is a sound input with a few seeded changes. It fails by anything but exit code 0 or one line of error with exit
code 2, by taking long or much memory, by a change of its inputs, and by a file where it has no business. Cases run in
worker processes, so that a crash is one failure more and not the end.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import tifffile
import torch
from astropy.io import fits
from PIL import Image

import poleward.cli.app
from poleward.artifact.folder import read_folder, write_folder

torch.set_num_threads(1)
SECONDS, BYTES = 30, 4 << 30
"""What a case may take; memory beyond what the worker has."""

CASES_A_WORKER = 250
LARGEST = 1 << 20
"""Bytes of damaged input."""

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, 2**63 - 1, 2**64 - 1)
TOKENS = (
    *("", "nan", "inf", "-inf", "1e999", "1e308", "-1e308", "9" * 400, "-0", "0x10", "1_000", "true", "null", "None"),
    *('"', '""', "'", "\x00", "\ufeff", "é", "\udc80", "\r", "\n", "\t", ",", ";", "=", "[", "]]", "{", "}", "#", "\\"),
    *("9999-99-99", "2024-01-01T00:00:00Z", "0001-01-01", "../../x", "/etc/passwd", "a" * 5000, "[a]\n", "[[a]]\n"),
)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**31,
        2**63,
        10**30,
        1e308,
        -1e308,
        0.5,
        float("nan"),
        float("inf"),
        "",
        "x",
        "../x",
    ),
    *([], {}, [[]], [None], {"": None}, [0] * 1000, "9" * 1000, ["x"], {"kind": "table"}, {"kind": "images"}),
)


class TooLong(BaseException):
    """A case that does not end; no ``except Exception`` takes it."""


# ---- sound inputs


def table() -> pa.Table:
    """A few rows of each type of column."""
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "a": rng.normal(size=24).round(3),
            "n": rng.integers(0, 9, 24),
            "colour": [("red", "green", "blue")[row % 3] for row in range(24)],
            "day": [f"2024-01-{row + 1:02d}" for row in range(24)],
            "flag": [row % 2 == 0 for row in range(24)],
        }
    )


def csv_of(rows: pa.Table) -> bytes:
    """Its text."""
    lines = [",".join(rows.column_names), *(",".join(map(str, row.values())) for row in rows.to_pylist())]
    return ("\n".join(lines) + "\n").encode()


def saved(save: Callable[[io.BytesIO], Any]) -> bytes:
    """What a function writes to a file."""
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def inputs() -> dict[str, list[bytes]]:
    """Sound files by ending; an image is 8 x 8 pixels, and a table of numbers has 2 columns."""
    rows, rng = table(), np.random.default_rng(0)
    image, numbers = rng.integers(0, 255, (8, 8), dtype=np.uint8), rng.normal(size=(24, 2))
    deep = (image * np.uint16(257)).astype(">u2")
    return {
        "csv": [csv_of(rows), csv_of(rows).replace(b",", b";"), csv_of(rows).replace(b"\n", b"\r\n")],
        "parquet": [
            saved(lambda file: pa.parquet.write_table(rows, file)),
            saved(lambda file: pa.parquet.write_table(rows, file, compression="none", use_dictionary=False)),
        ],
        "npz": [
            saved(lambda file: np.savez(file, X=numbers)),
            saved(lambda file: np.savez_compressed(file, X=numbers)),
        ],
        "npy": [saved(lambda file: np.save(file, numbers))],
        "png": [
            saved(lambda file: Image.fromarray(image).save(file, "PNG")),
            saved(lambda file: Image.fromarray(image).convert("P").save(file, "PNG")),
        ],
        "jpg": [saved(lambda file: Image.fromarray(image).save(file, "JPEG"))],
        "webp": [saved(lambda file: Image.fromarray(image).convert("RGB").save(file, "WEBP", lossless=True))],
        "tif": [
            saved(lambda file: tifffile.imwrite(file, image)),
            saved(lambda file: tifffile.imwrite(file, deep)),
            saved(lambda file: tifffile.imwrite(file, image, compression="zlib", tile=(16, 16))),
        ],
        "fits": [
            saved(lambda file: fits.PrimaryHDU(image).writeto(file)),
            saved(lambda file: fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(deep.astype("i2"))]).writeto(file)),
        ],
        "toml": [b'alpha = 0.05\nlimit = 9\nwhere = ["colour=red"]\nexclude = "n"\n'],
        "rules": [
            b'[ranges]\na = [-3.0, 3.0]\nday = [2024-01-01, 2024-12-31]\n\n[values]\ncolour = ["red", "green"]\n'
            b'\n[[determines]]\nby = ["n", "colour"]\ntarget = "flag"\n\n'
            b'[[sums]]\ntotal = "n"\nparts = ["a"]\ntolerance = 9.5\n'
        ],
        "patch": [
            b"row,id,column,old,new,probability,score_before,score_after,old_exact\n"
            b"0,0,colour,red,green,0.9,1.0,0.5,\n3,3,n,%d,5,0.9,1.0,0.5,\n" % rows["n"][3].as_py()
        ],
        "mask": [b"id,column,state\n0,colour,wrong\n1,a,trusted\n"],
    }


# ---- damage


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with up to four changes."""
    for _ in range(int(rng.integers(0, 5))):
        change = CHANGES[int(rng.integers(len(CHANGES)))]
        content = change(content, int(rng.integers(len(content) + 1)), rng)[:LARGEST]
    return content


def flipped(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    """One bit turned."""
    return content[:at] + bytes(byte ^ (1 << int(rng.integers(8))) for byte in content[at : at + 1]) + content[at + 1 :]


def overwritten(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    """A number of 1, 2, 4 or 8 bytes in the place of what stood there."""
    width = int(rng.choice([1, 2, 4, 8]))
    number = NUMBERS[int(rng.integers(len(NUMBERS)))] % 256**width
    return content[:at] + number.to_bytes(width, ("little", "big")[int(rng.integers(2))]) + content[at + width :]


def without(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    """A piece left out."""
    return content[:at] + content[at + int(rng.geometric(0.05)) :]


def repeated(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    """A piece written several times."""
    piece = content[at : at + int(rng.geometric(0.05))]
    return content[:at] + piece * int(rng.integers(2, 20)) + content[at:]


def cut(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    """The end left out."""
    return content[:at]


def with_token(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    """A word of the kind that readers stumble over in the place of one that stood there."""
    token = TOKENS[int(rng.integers(len(TOKENS)))].encode(errors="surrogateescape")
    end = at + int(rng.integers(0, 8))
    return content[:at] + token + content[end:]


def with_noise(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    """Random bytes put in."""
    return content[:at] + rng.bytes(int(rng.geometric(0.1))) + content[at:]


CHANGES = (flipped, overwritten, without, repeated, cut, with_token, with_noise)


def damaged_value(value: Any, rng: np.random.Generator) -> Any:
    """Plain JSON values with one of them another, gone, or twice."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = sorted(value)[int(rng.integers(len(value)))]
        if rng.random() < 0.1:
            return {other: kept for other, kept in value.items() if other != name}
        return value | {name: damaged_value(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = int(rng.integers(len(value)))
        changed = [] if rng.random() < 0.1 else [damaged_value(value[at], rng)] * int(rng.integers(1, 3))
        return [*value[:at], *changed, *value[at + 1 :]]
    return VALUES[int(rng.integers(len(VALUES)))]


def damaged_arrays(arrays: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Arrays with one of them of another shape, type or content, gone, or under another name."""
    name = sorted(arrays)[int(rng.integers(len(arrays)))]
    array, others = np.atleast_1d(arrays[name]), {other: kept for other, kept in arrays.items() if other != name}
    changed = (
        lambda: array[:0],
        lambda: array[: len(array) // 2] if array.ndim else array,
        lambda: array[None],
        lambda: array.ravel(),
        lambda: array.T,
        lambda: array.astype(rng.choice(["f2", "i1", "u8", "?", "c16", "f8"])),
        lambda: np.full_like(array, 0),
        lambda: np.full(array.shape, rng.choice([np.nan, np.inf, -1, 1e300])),
        lambda: np.full(array.shape, "x"),
        lambda: np.zeros((2,) * 12),
    )
    if rng.random() < 0.2:
        return others | ({} if rng.random() < 0.5 else {f"../{name}": array})
    return others | {name: changed[int(rng.integers(len(changed)))]()}


# ---- cases


@dataclass(frozen=True)
class Place:
    """Where a case is laid out, what of, and where its output goes."""

    folder: Path
    world: Path
    rng: np.random.Generator

    def damaged(self, kind: str, name: str) -> Path:
        """A damaged file of a kind under a name in the case's folder."""
        sound = SOUND[kind]
        path = self.folder / name
        path.write_bytes(damaged(sound[int(self.rng.integers(len(sound)))], self.rng))
        return path

    def model(self) -> Path:
        """A copy of one of the models, whole."""
        name = ("tables", "pictures")[int(self.rng.integers(2))]
        return Path(shutil.copytree(self.world / name, self.folder / name))

    def scored(self, model: Path) -> list[Any]:
        """The words that rank a sound input of the model's kind."""
        source = "table.csv" if model.name == "tables" else "images"
        return ["score", model, self.world / source, "--out", "out.csv"]


def of_table(kind: str) -> Callable[[Place], list[Any]]:
    """Rank, correct or learn from a damaged table."""

    def words(place: Place) -> list[Any]:
        path, draw = place.damaged(kind, f"t.{kind}"), place.rng.random()
        if draw < 0.05:
            return ["fit", path, "--out", "out", "--epochs", 1, "--n-latent", 2, "--scorer", "input-knn"]
        model = place.world / ("numbers" if kind in ("npz", "npy") else "tables")
        if draw < 0.4:
            return ["correct", model, path, "--out", f"out.{kind}"]
        return ["score", model, path, "--out", "out.csv"]

    return words


def of_picture(kind: str) -> Callable[[Place], list[Any]]:
    """Rank or restore a folder with a damaged image in it."""

    def words(place: Place) -> list[Any]:
        images = place.folder / "images"
        images.mkdir()
        place.damaged(kind, f"images/1.{kind}")
        (images / "0.png").write_bytes(SOUND["png"][0])
        if place.rng.random() < 0.2:
            return ["correct", place.world / "pictures", images, "--out", "out"]
        more = ["--on-error", "skip"] if place.rng.random() < 0.5 else []
        return ["score", place.world / "pictures", images, "--out", "out.csv", *more]

    return words


def of_config(place: Place) -> list[Any]:
    """Options from a damaged file."""
    config = place.damaged("toml", "c.toml")
    return ["score", place.world / "tables", place.world / "table.csv", "--out", "out.csv", "--config", config]


def of_rules(place: Place) -> list[Any]:
    """Correction with damaged rules."""
    rules = place.damaged("rules", "r.toml")
    return ["correct", place.world / "tables", place.world / "table.csv", "--out", "out.csv", "--rules", rules]


def of_mask(place: Place) -> list[Any]:
    """Correction with a damaged mask."""
    mask = place.damaged("mask", "m.csv")
    return ["correct", place.world / "tables", place.world / "table.csv", "--out", "out.csv", "--mask", mask]


def of_patch(place: Place) -> list[Any]:
    """A damaged list of changes, made or taken back."""
    way = ("--apply", "--revert")[int(place.rng.integers(2))]
    return ["correct", place.world / "table.csv", way, place.damaged("patch", "p.csv"), "--out", "out.csv"]


def of_model_bytes(place: Place) -> list[Any]:
    """A model folder with a damaged, missing, foreign or linked file."""
    model = place.model()
    names = sorted(path.name for path in model.iterdir())
    path, draw = model / names[int(place.rng.integers(len(names)))], place.rng.random()
    if draw < 0.6:
        path.write_bytes(damaged(path.read_bytes(), place.rng))
    elif draw < 0.7:
        path.unlink()
    elif draw < 0.8:
        path.write_bytes((model / names[int(place.rng.integers(len(names)))]).read_bytes())
    elif draw < 0.9:
        other = "pictures" if model.name == "tables" else "tables"
        path.write_bytes((place.world / other / path.name).read_bytes())
    else:
        path.unlink()
        path.symlink_to((Path("/dev/zero"), Path("/dev/null"), model, Path("/nowhere"))[int(place.rng.integers(4))])
    return place.scored(model)


def of_model_content(place: Place) -> list[Any]:
    """A model folder whose content was changed and signed anew, as one who means harm could."""
    model = place.model()
    held = read_folder(model, "model")
    content = {
        name: value for name, value in held.manifest.items() if name not in ("format", "kind", "files", "sha256")
    }
    tensors, arrays, draw = held.tensors, held.arrays, place.rng.random()
    if draw < 0.6:
        content = damaged_value(content, place.rng)
    elif draw < 0.8:
        tensors = damaged_arrays(tensors, place.rng)
    else:
        arrays = damaged_arrays(arrays, place.rng)
    with contextlib.suppress(Exception):  # what cannot be written is no case
        write_folder(
            model, "model", content, {name: t for name, t in tensors.items() if t.dtype.kind in "biuf"}, arrays
        )
    if place.rng.random() < 0.2:
        return ["info", model]
    return place.scored(model)


TABLES, PICTURES = ("csv", "parquet", "npz", "npy"), ("png", "jpg", "webp", "tif", "fits")
KINDS: dict[str, Callable[[Place], list[Any]]] = {
    **{kind: of_table(kind) for kind in TABLES},
    **{kind: of_picture(kind) for kind in PICTURES},
    "config": of_config,
    "rules": of_rules,
    "mask": of_mask,
    "patch": of_patch,
    "model bytes": of_model_bytes,
    "model content": of_model_content,
}
SOUND = inputs()


def made_world(world: Path) -> None:
    """Sound sources and models."""
    world.mkdir()
    (world / "table.csv").write_bytes(SOUND["csv"][0])
    (world / "numbers.npz").write_bytes(SOUND["npz"][0])
    (world / "images").mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        pixels = rng.integers(0, 255, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(world / "images" / f"{number:02d}.png")
    quick = ["--epochs", "1", "--n-latent", "2", "--correction"]
    for source, model in (("table.csv", "tables"), ("numbers.npz", "numbers"), ("images", "pictures")):
        code, said = run(["fit", world / source, "--out", world / model, *quick])
        if code:
            raise SystemExit(f"{source}: {said}")


def run(words: list[Any]) -> tuple[int, str]:
    """Run a command in this process; gives its exit code, and what it said on standard error."""
    sys.argv = ["poleward", *map(str, words)]
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            poleward.cli.app.main()
        except SystemExit as left:
            return int(left.code or 0), said.getvalue()
    return 0, said.getvalue()


def lying(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything below a folder, with size and time of change."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {path.relative_to(folder).as_posix(): (state.st_size, state.st_mtime_ns) for path, state in found.items()}


def verdict(words: list[Any], folder: Path) -> tuple[str, str]:
    """("answered" or "refused", "") for a case that is handled well, else what is wrong and why."""
    os.chdir(folder)
    before = lying(folder)
    signal.alarm(SECONDS)
    try:
        code, said = run(words)
    except TooLong:
        return "takes too long", ""
    except BaseException:
        return "traceback", traceback.format_exc()
    finally:
        signal.alarm(0)
    after = lying(folder)
    strange = [name for name in after if name not in before and not name.startswith("out")]
    if strange or any(before[name] != after.get(name) for name in before):
        return "touches other files", ", ".join(strange)
    if code == 2:
        clear = (
            said.startswith("poleward: ")
            and said.count("\n") == 1
            and not any(name.startswith("out") for name in after)
        )
        return ("refused", "") if clear else ("unclear error", said)
    return ("answered", "") if code == 0 else ("unclear exit", f"{code}: {said}")


def judged(number: int, seed: int, kinds: list[str], root: Path) -> tuple[str, str, str]:
    """One case: its kind, the verdict, and why."""
    kind = kinds[number % len(kinds)]
    folder = Path(tempfile.mkdtemp(dir=root))
    words = KINDS[kind](Place(folder, root / "world", np.random.default_rng([seed, number])))
    what, why = verdict(words, folder)
    os.chdir(root)
    if what in ("answered", "refused"):
        shutil.rmtree(folder)
    return kind, what, f"{' '.join(map(str, words))}\n{why}" if why or what not in ("answered", "refused") else ""


def work(numbers: range, seed: int, kinds: list[str], root: Path, told: Path) -> None:
    """Judge some cases, and note each as soon as it is judged."""

    def stop(*_: Any) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
    with told.open("a") as file:
        for number in numbers:
            file.write(json.dumps([number, *judged(number, seed, kinds, root)]) + "\n")
            file.flush()


def verdicts(n_cases: int, seed: int, kinds: list[str], root: Path) -> Iterator[tuple[int, str, str, str]]:
    """The verdicts on all cases: (number, kind, what, why)."""
    told, start = root / "told", 0
    while start < n_cases:
        told.write_text("")
        numbers = range(start, min(start + CASES_A_WORKER, n_cases))
        child = os.fork()
        if not child:
            try:
                work(numbers, seed, kinds, root, told)
            finally:
                os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        judged_ones = [json.loads(line) for line in told.read_text().splitlines()]
        yield from map(tuple, judged_ones)
        start += len(judged_ones)
        if start < numbers.stop:
            yield start, kinds[start % len(kinds)], "crash", f"the process ended with {code}"
            start += 1


def main() -> None:
    """Judge so many cases; exit with 1 when one of them is not handled well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the changes")
    parser.add_argument("--only", default="", help="some kinds of input, between commas")
    asked = parser.parse_args()
    kinds = [kind for kind in KINDS if kind in (asked.only or kind).split(",")]
    counts = Counter[tuple[str, str]]()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        made_world(root / "world")
        world = lying(root / "world")
        for number, kind, what, why in verdicts(asked.cases, asked.seed, kinds, root):
            counts[kind, what] += 1
            if what not in ("answered", "refused"):
                print(f"FAULT, case {number}, {kind}, {what}: {why}", flush=True)
        if lying(root / "world") != world:
            counts["all", "touches other files"] += 1
            print("FAULT: the sound inputs were changed")
    for (kind, what), times in sorted(counts.items()):
        print(f"{times:6d}  {kind}: {what}")
    n_faults = sum(times for (_, what), times in counts.items() if what not in ("answered", "refused"))
    print(f"{asked.cases} cases, {n_faults} faults")
    sys.exit(1 if n_faults else 0)


if __name__ == "__main__":
    main()
