"""docs/export.md: its Python runs as it stands."""

import re
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")


def test_its_python_gives_what_its_comments_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(code, "export.md", "exec"), names)  # noqa: S102 - our own page
    assert names["loaded"].predict([[40.0, 30.0], [40.0, 90.0]]).tolist() == [1, -1]
