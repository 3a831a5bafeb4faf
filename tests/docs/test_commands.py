"""docs/commands: every command has a page, and what a page says of its options is what the command says."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


refresh = script("refresh_commands")


@pytest.mark.parametrize("name", refresh.commands())
def test_a_command_has_a_page_with_its_present_help(name):
    path = ROOT / "docs" / "commands" / f"{name}.md"
    assert path.is_file(), f"{path} is missing: write it, then `make docs`"
    page = path.read_text(encoding="utf-8")
    assert refresh.refreshed(page, name) == page, f"{path} is stale: run `make docs`"


def test_every_page_is_of_a_command_and_in_the_index():
    pages = {path.stem for path in (ROOT / "docs" / "commands").glob("*.md")} - {"index"}
    assert pages == set(refresh.commands())
    index = (ROOT / "docs" / "commands" / "index.md").read_text(encoding="utf-8")
    assert all(f"[{name}]({name}.md)" in index for name in pages)


def test_a_page_without_a_place_for_the_help_is_refused():
    with pytest.raises(SystemExit, match=r"fit\.md has no block"):
        refresh.refreshed("# poleward fit\n", "fit")


def test_the_examples_of_a_docstring_become_blocks_of_code():
    fenced = script("fenced_examples").fenced("Adds.\n\n>>> 1 + 1\n2\n\nMore.")
    assert fenced == "Adds.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nMore."
