"""docs/open-set.md: its Python and its commands run as they stand, and do what it says."""

import csv
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from poleward.cli import main
from poleward.data.rankings import read_ranking

PAGE = (Path(__file__).parents[2] / "docs" / "open-set.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The names of the page's Python, in a folder where its commands have run."""
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        exec(compile(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], "open-set.md", "exec"), names)  # noqa: S102
        for line in re.search(r"<!-- runs -->\n```console\n(.*?)```", PAGE, re.DOTALL)[1].splitlines():
            patch.setattr(sys, "argv", shlex.split(line))
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code, line
        names["ranking"] = read_ranking("ranking.csv")
        names["doubts"] = list(csv.DictReader(Path("labels.csv").read_text().splitlines()))
    return names


def test_it_tells_known_digits_apart_and_refuses_most_others(followed):
    assert followed["right"].mean() > 0.9
    assert 0.85 < followed["accepted"].mean() < 1
    assert followed["refused"].mean() > 2 * (1 - followed["accepted"].mean())


def test_what_its_audit_lists_are_mostly_flipped_labels(followed):
    found = {int(doubt.id) for doubt in followed["audit"].doubts}
    flipped = set(followed["flipped"].tolist())
    assert len(found & flipped) > 0.3 * len(flipped)
    assert len(found & flipped) > 0.7 * len(found)


def test_its_commands_write_what_its_python_gives(followed):
    known = followed["known"][followed["new"]]
    right = np.array(followed["ranking"].label)[known] == followed["y"][followed["new"] & followed["known"]].astype(str)
    assert right.mean() == followed["right"].mean()
    assert [doubt["id"] for doubt in followed["doubts"]] == [
        doubt.id for doubt in sorted(followed["audit"].doubts, key=lambda doubt: -doubt.probability)
    ]
