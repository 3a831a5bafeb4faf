"""docs/serving.md from top to bottom: its Python, its commands, its server, and what it asks of that."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from poleward.cli import main

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
PROGRAM = "import sys; from poleward.cli import main; sys.argv[0] = 'poleward'; main()"


def lines(mark):
    (block,) = re.findall(rf"<!-- {mark} -->\n```console\n(.*?)```", PAGE, re.DOTALL)
    return block.splitlines()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which the page was followed up to its server."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[:1]:
            exec(compile(code, "serving.md", "exec"), {})  # noqa: S102 - our own page
        (fit,) = lines("runs")
        patch.setattr(sys, "argv", [*shlex.split(fit), "--epochs", "2"])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return folder


@pytest.fixture
def answering(place):
    """Let a line of the page serve, on any free port; gives a function that runs a line of curl against it."""
    running = []

    def ask(line, port):
        words = line.replace("localhost:8000", f"127.0.0.1:{port}").replace("curl", "curl -sS --fail-with-body", 1)
        return subprocess.run(["sh", "-c", words], cwd=place, check=True, capture_output=True, text=True).stdout

    def serve(line):
        words = [sys.executable, "-c", PROGRAM, *shlex.split(line.replace("8000", "0"))[1:]]
        process = subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, text=True, env=os.environ)
        running.append(process)
        told = next(line for line in process.stdout if "http://" in line)
        return lambda line: ask(line, told.split()[4].rsplit(":", 1)[1])

    yield serve
    for process in running:
        process.terminate()
        assert process.wait() == 0
        process.stdout.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_line_of_curl_is_answered(answering):
    (server,) = lines("serves")
    ask = answering(server)
    answers = [ask(line) for line in lines("asks")]
    assert '"is_anomaly":true' in answers[0]
    assert answers[1].count('"score"') == 400
    assert '"contributions":{"load":' in answers[2]
    assert '"column":"heat","old":"90' in answers[3]
    assert '"status":"ok"' in answers[4]
    assert "poleward_samples_scored_total" in answers[5]
    assert '"openapi":' in answers[6]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_key_opens(answering, place):
    make, server, asked = lines("makes")
    subprocess.run(["sh", "-c", make.replace("python", sys.executable)], cwd=place, check=True)
    ask = answering(server)
    assert '"score"' in ask(asked)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        ask(asked.replace("cat keys", "echo wrong"))
    assert "X-API-Key" in refused.value.stdout
