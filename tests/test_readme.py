"""README.md cannot lie: its Python runs as it stands, its commands on a share of the data they name."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from poleward.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SMALLER = {"fit": ["--limit", "150", "--epochs", "1"], "sample": [], "info": [], "correct": []}


def blocks(language, before=""):
    return re.findall(rf"{re.escape(before)}```{language}\n(.*?)```", README, re.DOTALL)


def lines_that_start_with(word):
    return [line for block in blocks("console") for line in block.splitlines() if line.startswith(word)]


def test_its_python_gives_what_its_comments_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _ = blocks("python")
    names = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - our own page
    assert names["detector"].transform(names["X"]).shape == (1000, 32)
    odd = names["X"][0] + 3 * names["rng"].normal(size=10)
    assert np.array_equal(names["detector"].predict([names["X"][0], odd]), [1, -1])


def test_its_classifier_accepts_more_of_what_it_knows():
    _, code = blocks("python")
    names = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - our own page
    images, known, classifier = (names[name] for name in ("images", "known", "classifier"))
    assert np.array_equal(classifier.predict(images[known][:3]), [0, 1, 2])
    assert classifier.accepts(images[~known]).mean() < classifier.accepts(images[known]).mean()


@pytest.mark.parametrize("part", ["images", "table", "dirty", "arrays"])
def test_its_commands_run(part, shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = shared("data").parent
    (block,) = blocks("console", before=f"<!-- shared: {part} -->\n")
    for line in block.splitlines():
        words = shlex.split(line.replace("../shared", str(place)))
        monkeypatch.setattr(sys, "argv", words + SMALLER.get(words[1], ["--limit", "200"]))
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, line
    assert "poleward fit" in block


def test_its_two_commands_are_the_makefiles():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    assert [line.split()[1] for line in lines_that_start_with("make")] == ["demo", "test"]
    assert all(f"\n{line.split()[1]}:" in makefile for line in lines_that_start_with("make"))


def test_the_pictures_it_shows_are_there():
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert pictures and all((Path(__file__).parents[1] / picture).is_file() for picture in pictures)
