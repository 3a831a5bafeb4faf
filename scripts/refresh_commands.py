"""Writes what every command says of itself (``--help``) into its page, docs/commands/NAME.md.

Run by ``make docs``; a test fails where a command has no page or a page is stale.
"""

import inspect
import re
from pathlib import Path

from typer import rich_utils
from typer.main import get_command
from typer.testing import CliRunner

from poleward.cli.app import app

PAGES = Path(__file__).parents[1] / "docs" / "commands"
WIDTH = 84
HELP = re.compile(r"(?<=<!-- help -->\n```text\n).*?(?=```\n)", re.DOTALL)


def commands() -> list[str]:
    """The commands by name."""
    return sorted(get_command(app).commands)  # type: ignore[attr-defined]


def help_of(name: str) -> str:
    """What ``poleward NAME --help`` prints on a terminal of 84 columns, without blanks at the ends of lines."""
    rich_utils.MAX_WIDTH, rich_utils.FORCE_TERMINAL = WIDTH, False
    told = CliRunner().invoke(app, [name, "--help"], prog_name="poleward").stdout
    return "\n".join(line.rstrip() for line in inspect.cleandoc(told).splitlines()) + "\n"


def refreshed(page: str, name: str) -> str:
    """A page with the present help in the place of what it holds."""
    if not HELP.search(page):
        raise SystemExit(f"docs/commands/{name}.md has no block ```text under <!-- help -->")
    return HELP.sub(lambda _: help_of(name), page)


if __name__ == "__main__":
    for name in commands():
        path = PAGES / f"{name}.md"
        path.write_text(refreshed(path.read_text(encoding="utf-8"), name), encoding="utf-8")
