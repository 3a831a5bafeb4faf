import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import poleward as package
from poleward.cli import app

PROGRAM = Path(sysconfig.get_path("scripts")) / "poleward"
COMMANDS = ["fit", "score", "report", "evaluate", "sample", "info", "demo"]


TYPER_ALONE = "import typer; app = typer.Typer(add_completion=False); app.command()(lambda: None); app()"


def cpu_seconds(*words):
    bytecode_kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = os.times()
    subprocess.run(words, check=True, capture_output=True, env=bytecode_kept)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_help_answers_at_once():
    """1.3 times the bare library, as measured; a ratio, so that a slow machine does not fail it."""
    pairs = [
        (cpu_seconds(PROGRAM, "--help"), cpu_seconds(sys.executable, "-c", TYPER_ALONE, "--help")) for _ in range(7)
    ]
    ours, bare = map(min, zip(*pairs, strict=True))  # the least: others on the machine only add to it
    assert ours < 1.7 * bare, (ours, bare)


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words):
    look = (
        f"import sys; sys.argv = ['poleward', *{words}]\n"
        "from poleward.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('loaded:', sorted({'torch', 'sklearn', 'pyarrow', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout
    assert said.splitlines()[-1] == "loaded: []"


def test_the_package_is_imported_without_torch():
    look = "import poleward, sys; assert poleward.__version__; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout == "False\n"


def test_the_version_is_the_package_s(poleward):
    assert poleward("--version").out == f"poleward {package.__version__}\n"


def test_every_command_is_listed_and_has_help(poleward):
    listed = poleward("--help").out
    for command in COMMANDS:
        assert command in listed
        done = poleward(command, "--help")
        assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("option", ["--objective", "--scorer", "--n-latent", "--epochs", "--seed", "--resume"])
def test_help_of_fit_names_the_options_of_training(poleward, option):
    assert option in poleward("fit", "--help").out


@pytest.mark.parametrize("command", ["fit", "score", "report", "evaluate"])
def test_help_names_the_options_of_a_source(poleward, command):
    said = poleward(command, "--help").out
    named = ["--ids", "--limit", "--where", "--columns", "--exclude", "--id-column", "--device", "--config"]
    assert [option for option in named if option not in said] == []


def test_no_words_at_all_get_help(poleward):
    done = poleward()
    assert (done.code, done.err) == (2, "")
    assert "Usage: poleward" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fly"], "No such command 'fly'"),
        (["fit"], "SOURCE"),
        (["fit", "x"], "--out"),
        (["fit", "x", "y", "--out", "m"], "extra argument"),
        (["fit", "x", "--out", "m", "--speed", "9"], "--speed"),
        (["fit", "x", "--out", "m", "--epochs", "many"], "--epochs"),
        (["fit", "x", "--out", "m", "--seed", "-1"], "--seed"),
        (["fit", "x", "--out", "m", "--limit", "0"], "--limit"),
        (["sample", "m", "--out", "x.csv", "-n", "0"], "-n"),
        (["report", "m", "x", "--worst", "0"], "--worst"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_one_line(refused, words, said):
    assert said in refused(*words)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(28, "No space left on device", "m"), "poleward: m: No space left on device\n"),
        (OSError("odd"), "poleward: odd\n"),
        (package.errors.SourceError("two\nlines"), "poleward: two lines\n"),
    ],
)
def test_a_fault_of_the_system_is_one_line(refused, monkeypatch, fault, said):
    def fail(*words, **options):
        raise fault

    monkeypatch.setattr(app, "app", fail)
    assert refused("info", "m") == said


def test_a_fault_of_the_program_is_not_hidden(poleward, monkeypatch):
    def fail(*words, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(ZeroDivisionError):
        poleward("info", "m")


def test_the_program_runs_as_a_module_would(sources, tmp_path):
    done = subprocess.run([PROGRAM, "info", tmp_path / "nowhere"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("poleward: ")
    assert done.stderr.count("\n") == 1
