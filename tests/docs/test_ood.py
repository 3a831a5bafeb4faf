"""docs/ood.md: its example gives what its comment says, and its table has every score."""

import re
from pathlib import Path

from poleward.ood.catalogue import NAMES

PAGE = (Path(__file__).parents[2] / "docs" / "ood.md").read_text(encoding="utf-8")


def test_its_example_accepts_and_refuses_as_it_says():
    names = {}
    exec(compile(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], "ood.md", "exec"), names)  # noqa: S102
    assert names["guard"].accepts(names["new"], alpha=0.01).tolist() == [True, True, False]


def test_its_table_has_every_score():
    told = set(
        re.findall(r"`([a-z-]+)`", "".join(line.split("|")[1] for line in PAGE.splitlines() if line[:3] == "| `"))
    )
    assert told == set(NAMES)
