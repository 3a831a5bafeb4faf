"""docs/decisions.md cannot lie: its Python and its commands run as they stand."""

import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from poleward.cli import main
from poleward.data.rankings import read_ranking

PAGE = (Path(__file__).parents[1] / "docs" / "decisions.md").read_text(encoding="utf-8")


def block(language, before=""):
    return re.search(rf"{re.escape(before)}```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def run(line):
    """The exit code of a command."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", shlex.split(line))
        main()
    return ended.value.code or 0


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the page's data, its model, and the ranking of each of its first commands."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(block("python"), "decisions.md", "exec"), {})  # noqa: S102 - our own page
        for number, line in enumerate(block("console", before="<!-- runs: knobs -->\n").splitlines()):
            assert run(line) == 0, line
            if number:
                Path("ranking.csv").rename(f"{number}.csv")
    return folder


@pytest.fixture(autouse=True)
def there(place, monkeypatch):
    monkeypatch.chdir(place)


def test_its_knobs_do_what_it_says():
    odd = np.arange(1000) >= 950
    alarms, more_alarms, discoveries = (read_ranking(f"{number}.csv") for number in (1, 2, 3))
    assert np.array_equal(alarms.is_anomaly, alarms.p_value <= 0.01)
    assert np.array_equal(more_alarms.is_anomaly, more_alarms.p_value <= 0.05)
    assert alarms.is_anomaly[odd].mean() > 0.5
    assert discoveries.is_anomaly.sum() > 0
    assert (discoveries.is_anomaly & ~odd).sum() <= 0.4 * discoveries.is_anomaly.sum()


def test_its_exit_code_is_the_one_it_names():
    line = next(line for line in PAGE.splitlines() if "--fail-on-anomaly ||" in line)
    assert run(line.partition("||")[0]) == 1


def test_its_manifest_begins_as_shown():
    shown = json.loads("{" + block("json") + "}")
    manifest = json.loads(Path("model/manifest.json").read_text())
    assert manifest["decision"].keys() == shown["decision"].keys()
    assert manifest["decision"]["alpha"] == shown["decision"]["alpha"]


def test_its_recalibration_runs():
    (line,) = block("console", before="<!-- runs: recalibrate -->\n").splitlines()
    assert run(line) == 0
    manifest = json.loads(Path("model-later/manifest.json").read_text())
    assert manifest["decision"]["alpha"] == 0.02
    assert manifest["facts"]["n_calibration"] == 1000
