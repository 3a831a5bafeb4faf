"""docs/high-dimensions.md cannot lie: what takes no training is computed again, and the text is the present one."""

import re
from pathlib import Path

import pytest

from poleward.cli.high_dimensions import high_dimensions, power

pytest.importorskip("matplotlib", reason="figures need the extra `report`")

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "high-dimensions.md").read_text(encoding="utf-8")
UNTRAINED = "## 5."


def pictures(text):
    return re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    high_dimensions(folder, seeds=1, epochs=1)
    return folder


def test_what_takes_no_training_is_what_the_command_writes(made):
    again = (made / "high-dimensions.md").read_text(encoding="utf-8")
    assert again.split(UNTRAINED)[0] == PAGE.split(UNTRAINED)[0]


def test_the_page_has_been_made_from_the_present_text(made):
    again = (made / "high-dimensions.md").read_text(encoding="utf-8")
    words = [re.sub(r"[-−⁻\d.,⁰¹²³⁴⁵⁶⁷⁸⁹]+|over|·|%", "", text).split() for text in (again, PAGE)]
    assert words[0] == words[1]


def test_every_picture_of_the_page_is_there(made):
    assert len(pictures(PAGE)) == 7
    assert all((DOCS / picture).is_file() and (made / picture).is_file() for picture in pictures(PAGE))


def test_a_power_of_ten_keeps_one_digit():
    assert power(-3.7) == "2.5 %"
    assert re.fullmatch(r"\d · 10⁻¹³⁶", power(-311.2))
