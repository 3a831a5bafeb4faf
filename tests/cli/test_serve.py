import http.client
import json
import os
import signal
import subprocess
import sys
from itertools import count

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

SERVE = "import sys; from poleward.cli import main; sys.argv[0] = 'poleward'; main()"
KEY = "a-key-for-the-tests"
ROW = {"a": 0.5, "b": None, "colour": "red", "day": "2024-01-05", "flag": True}


@pytest.fixture
def serving(models, here):
    """The command as a process of its own; gives it and its port."""
    words = [sys.executable, "-c", SERVE, "serve", str(models / "table"), "--port", "0"]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"POLEWARD_API_KEY": KEY}
    )
    line = next(line for line in process.stdout if "http://" in line)
    yield process, int(line.split()[4].rsplit(":", 1)[1])
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()


def asked(port, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"x-api-key": KEY, "content-type": "application/json"}
    connection.request("POST" if body else "GET", path, body, headers)
    with connection.getresponse() as answer:
        content = answer.read().decode()
    connection.close()
    return answer.status, content


def begun(port, body):
    """A request of which half the body is still to be sent, and that the server has met."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.putrequest("POST", "/score")
    for name, value in (("x-api-key", KEY), ("content-type", "application/json"), ("content-length", str(len(body)))):
        connection.putheader(name, value)
    connection.endheaders(body[: len(body) // 2])
    while "\npoleward_requests_in_flight 2.0" not in asked(port, "/metrics")[1]:
        pass
    return connection


def test_a_server_that_is_told_to_end_finishes_what_it_has_begun_and_refuses_more(serving):
    process, port = serving
    body = json.dumps([ROW]).encode()
    connection = begun(port, body)
    process.send_signal(signal.SIGTERM)
    with pytest.raises(ConnectionError):
        for _ in count():
            asked(port, "/health")
    connection.send(body[len(body) // 2 :])
    with connection.getresponse() as answer:
        assert answer.status == 200
        assert len(json.loads(answer.read())["samples"]) == 1
    connection.close()
    assert process.wait() == 0
    assert process.stderr.read() == ""


def test_without_its_libraries_the_command_says_what_to_install(refused, models, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "poleward.serve.server", raising=False)
    assert 'pip install "poleward[serve]"' in refused("serve", models / "table")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--api-key-file", "nowhere"], "nowhere: API keys cannot be read"),
        (["--host", "203.0.113.1"], "cannot be used on 203.0.113.1"),
        (["--port", "99999"], "65535"),
    ],
)
def test_what_cannot_be_served_is_said(refused, models, here, words, said):
    assert said in refused("serve", models / "table", *words)


def test_a_model_that_is_not_there_is_said(refused, here):
    assert "does not exist" in refused("serve", "nowhere", "--port", "0")
