"""Pages that a reader follows from top to bottom: their Python and the commands marked ``runs`` run as they
stand, but for a fit that takes long."""

import csv
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from poleward.cli import main

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(<!-- runs -->\n)?```(python|console|toml)\n(.*?)```", re.DOTALL)


def follow(page, monkeypatch):
    """Run a page's blocks in their order; a block of TOML is the rules.toml of the commands after it."""
    names = {}
    for runs, language, text in BLOCK.findall((DOCS / page).read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(text, page, "exec"), names)  # noqa: S102 - our own page
        elif language == "toml":
            Path("rules.toml").write_text(text, encoding="utf-8")
        elif runs:
            for line in text.splitlines():
                run(line, monkeypatch)
    return names


def run(line, monkeypatch):
    words = shlex.split(line)
    quick = ["--epochs", "2"] if words[1] == "fit" and "--epochs" not in words else []
    monkeypatch.setattr(sys, "argv", words + quick)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, line


def test_the_first_five_minutes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = follow("start.md", monkeypatch)
    assert Path("report.html").stat().st_size > 10_000
    assert len(names["ranking"].score) == 48


def test_the_guide_for_astronomers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = follow("guides/astronomers.md", monkeypatch)
    assert names["strangest"]["score"] == max(names["score"].values())
    assert len(list(Path("survey-fixed").rglob("*.fits"))) == 60


def test_the_guide_for_data_engineers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    follow("guides/data-engineers.md", monkeypatch)
    assert Path("back.csv").read_bytes() == Path("orders.csv").read_bytes()
    assert Path("again.csv").read_bytes() == Path("fixed.csv").read_bytes()
    with Path("changes.csv").open(encoding="utf-8") as file:
        changes = {(line["id"], line["column"]): line["new"] for line in csv.DictReader(file)}
    assert changes["order-10", "country"] == "Portugal" and changes["order-20", "city"] == "Braga"
    assert float(changes["order-30", "total"]) < 400 and len(changes) <= 3 + 0.005 * 7000
    with Path("ruled-changes.csv").open(encoding="utf-8") as file:
        repaired = {(line["id"], line["column"]): line["new"] for line in csv.DictReader(file)}
    assert repaired["order-10", "country"] == "Portugal"


def test_the_guide_for_machine_learning_engineers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = follow("guides/machine-learning.md", monkeypatch)
    assert names["accepted"].mean() > 0.9
    assert names["refused"].all()


def test_the_page_on_drift(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    follow("drift.md", monkeypatch)
    told = capsys.readouterr().out
    assert "0 of 3 batches have moved" in told and "2 of 2 batches have moved" in told
    assert json.loads(Path("seen.json").read_text()) == {"batches": 5}
