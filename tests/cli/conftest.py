"""The command line in process, and small sources and models to use it on."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poleward.cli.app import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def poleward(monkeypatch, capsys):
    """Run a command; what it said before is forgotten."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["poleward", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Done(left.value.code or 0, said.out, said.err)

    return run


@pytest.fixture
def refused(poleward):
    """Run a command that must end in one line of error and exit code 2; gives the line."""

    def run(*words):
        done = poleward(*words)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("poleward: "), done.err
        assert done.err.count("\n") == 1, done.err
        assert done.err.endswith("\n")
        return done.err

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in; called, it gives the names of all that lies there, hidden files too."""
    monkeypatch.chdir(tmp_path)
    return Here(tmp_path)


class Here(type(Path())):
    def __call__(self):
        return sorted(path.name for path in self.iterdir())


HOSTILE = "<img src=x onerror=alert(1)>.png"


@pytest.fixture
def write_images():
    return images_in


@pytest.fixture
def write_table():
    return table_at


def images_in(folder, n=40, size=(8, 6), bands=3, seed=0):
    """n noisy PNGs, the last ones brighter."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(n):
        image = rng.integers(0, 100, (*size, bands)) + (100 if number >= n - 4 else 0)
        pixels = image.astype(np.uint8)
        Image.fromarray(pixels[..., 0] if bands == 1 else pixels).save(folder / f"{number:02d}.png")
    return folder


def table_at(path, n=120, seed=0, **more):
    """Rows of a mixed table with an id and a truth; every 10th row is odd."""
    rng = np.random.default_rng(seed)
    names = ["name", "a", "b", "colour", "day", "flag", "odd", *more]
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(names)
        for row in range(n):
            odd = row % 10 == 0
            a = rng.normal() + (9 if odd else 0)
            b = "" if row % 7 == 0 else f"{rng.normal():.5f}"
            line = [f"r{row}", f"{a:.5f}", b, rng.choice(["red", "green"]), f"2024-01-{1 + row % 28:02d}"]
            lines.writerow([*line, rng.choice(["true", "false"]), int(odd), *more.values()])
    return path


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """A folder of images with a catalogue in it, a table, and an npz of images with labels."""
    folder = tmp_path_factory.mktemp("sources")
    images = images_in(folder / "images")
    (images / HOSTILE).write_bytes((images / "39.png").read_bytes())
    ids = [path.name for path in sorted(images.glob("*.png"))]
    lines = [f"{name},{'test' if i % 4 == 0 else 'train'},{int(name >= '36')}\n" for i, name in enumerate(ids)]
    (images / "labels.csv").write_text("id,split,odd\n" + "".join(lines))
    table_at(folder / "table.csv")
    rng = np.random.default_rng(1)
    np.savez(folder / "arrays.npz", X=rng.normal(size=(30, 8, 6)), y=np.arange(30) % 5 == 0)
    return folder


@pytest.fixture(scope="session")
def models(sources, tmp_path_factory):
    """A model of the images, and one of the table's normal rows."""
    from poleward.cli.app import app

    folder = tmp_path_factory.mktemp("models")
    quick = ["--epochs", "1", "--n-latent", "3", "--correction"]
    assert app(["fit", str(sources / "images"), "--out", str(folder / "images"), *quick], standalone_mode=False) is None
    words = [
        "--where",
        "odd=0",
        "--id-column",
        "name",
        "--exclude",
        "odd",
        "--scorer",
        "input-knn",
        "--n-neighbors",
        "1",
    ]
    table = str(sources / "table.csv")
    assert app(["fit", table, "--out", str(folder / "table"), *quick, *words], standalone_mode=False) is None
    return folder
