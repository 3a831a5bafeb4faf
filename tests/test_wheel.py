"""What users install: the wheel that the sdist gives, in an environment of its own, away from the checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
SMOKE = """
from poleward.cli.app import app
for words in (
    ["fit", "t.csv", "--out", "m", "--epochs", "1", "--n-latent", "4"],
    ["score", "m", "t.csv", "--out", "s.csv"],
    ["report", "m", "t.csv", "--out", "r.html"],
):
    app(words, standalone_mode=False)
"""


def run(*words, **more):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with the sdist and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The wheel in a new environment that sees the packages of this one, but not the checkout that it points to."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    (wheel,) = built.glob("*.whl")
    run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    (place,) = folder.glob("lib/python*/site-packages")
    (place / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A folder to work in, without the checkout on Python's path."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_wheel_holds_every_file_of_the_package(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("poleward/")}
    files = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.is_file()}
    assert held == {name for name in files if "__pycache__" not in name}
    assert {Path(name).suffix for name in held} >= {".js", ".css", ".html", ".j2"}


def test_the_sdist_holds_nothing_that_git_would_leave_out(built):
    (sdist,) = built.glob("*.tar.gz")
    held = {name.split("/", 1)[1] for name in run("tar", "-tzf", sdist).splitlines() if not name.endswith("/")}
    known = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    assert held <= {*known, "PKG-INFO"}
    assert {"LICENSE", "constraints.txt", "src/poleward/report/page.html.j2"} <= held


def test_the_installed_command_says_what_it_does(installed, alone):
    assert "fit" in run(installed / "bin" / "poleward", "--help")
    where = run(installed / "bin" / "python", "-c", "import poleward; print(poleward.__file__)")
    assert Path(where.strip()).is_relative_to(installed)


def test_the_installed_package_fits_ranks_and_reports(installed, alone):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    np.savetxt("t.csv", rows, delimiter=",", header="a,b,c", comments="")
    run(installed / "bin" / "python", "-c", SMOKE, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert len(Path("s.csv").read_text().splitlines()) == 61
    page = Path("r.html").read_text()
    assert "<style>" in page
    assert "<script" in page
