import subprocess
import sys

import pytest
import typer

from poleward.cli.explore import explore
from poleward.cli.options import with_source_options
from poleward.errors import OutputError, PolewardError, SettingError

pytest.importorskip("starlette", reason="the extra `explore` is not installed")
pytest.importorskip("uvicorn", reason="the extra `explore` is not installed")

HOSTILE = "<img src=x onerror=alert(1)>.png"


@pytest.fixture
def run():
    """The command alone, without what `main` makes of errors."""
    app = typer.Typer()
    app.command()(with_source_options(explore))
    return lambda *words: app([str(word) for word in words], standalone_mode=False)


@pytest.fixture
def served(monkeypatch):
    """Run the command with a server that only does something with the exploration; gives what that was."""
    found = []

    class Server:
        def __init__(self, exploration, token):
            assert len(token) >= 40
            self.exploration = exploration

        def run(self, sockets):
            assert sockets[0].getsockname()[0] == "127.0.0.1"
            found.append(found.pop()(self.exploration))

    monkeypatch.setattr("poleward.explorer.server.server", Server)

    def serving(act, run, *words):
        found.append(act)
        run(*words)
        return found.pop()

    return serving


def test_images_are_ranked_and_served_to_this_machine_alone(run, served, sources, models, here, capsys):
    columns = served(lambda exploration: exploration.columns(), run, models / "images", sources / "images")
    said = capsys.readouterr().out
    assert "Labels are kept in images.labels" in said
    assert "http://127.0.0.1:" in said
    assert HOSTILE in columns["id"]
    assert "odd" in columns
    assert here() == ["images.labels"]


def test_a_table_is_served_with_the_labels_of_last_time(run, served, sources, models, here):
    words = (models / "table", sources / "table.csv", "--id-column", "name", "--labels", "mine.db")
    served(lambda exploration: exploration.label([3], "merger", "ada"), run, *words)
    again = served(lambda exploration: exploration.columns()["label"][3], run, *words)
    assert again == "merger"
    assert here() == ["mine.db"]


def test_the_level_of_alarms_can_be_said(run, served, sources, models, here):
    words = (models / "images", sources / "images", "--alpha", "0.9")
    ranking = served(lambda exploration: exploration.collection.ranking, run, *words)
    assert ranking.is_anomaly.sum() > 20


@pytest.mark.parametrize(
    ("words", "fault", "said"),
    [
        (("--labels", "nowhere/l"), OutputError, "nowhere/l: labels cannot be kept in it"),
        (("--where", "odd=7"), PolewardError, "nothing is left"),
    ],
)
def test_what_cannot_be_done_is_said(run, sources, models, here, words, fault, said):
    with pytest.raises(fault, match=said):
        run(models / "images", sources / "images", *words)


def test_without_its_libraries_the_command_says_what_to_install(run, sources, models, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "poleward.explorer.server", raising=False)
    with pytest.raises(SettingError, match=r"pip install .poleward\[explore\]"):
        run(models / "images", sources / "images")


SERVE = """
import sys, typer
from poleward.cli.explore import explore
from poleward.cli.options import with_source_options
app = typer.Typer()
app.command()(with_source_options(explore))
app(sys.argv[1:])
"""


@pytest.fixture
def started(sources, models, here):
    """Start the command as a process of its own; gives it and its address."""
    running = []

    def start():
        words = [sys.executable, "-c", SERVE, str(models / "images"), str(sources / "images")]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        running.append(process)
        line = next(line for line in process.stdout if "http://" in line)
        return process, line.split()[4]

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_killed_server_loses_no_label(started):
    httpx = pytest.importorskip("httpx")
    process, address = started()
    headers = {"origin": address.rsplit("/", 2)[0]}
    with httpx.Client(base_url=address, headers=headers, trust_env=False) as client:
        for row in range(5):
            assert client.post("label", json={"rows": [row], "label": "normal"}).status_code == 200
    process.kill()
    process.wait()
    _, again = started()
    assert again != address
    with httpx.Client(base_url=again, trust_env=False) as client:
        assert client.get("state").json()["counts"] == {"normal": 5}
        assert "error" not in client.get("item/0").text
        assert client.get(f"{address.rsplit('/', 2)[1]}/state").status_code in (403, 404)
