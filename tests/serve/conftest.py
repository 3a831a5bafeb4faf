"""A model of a table and one of images, both fitted with correction, and servers that answer in this process."""

import asyncio
import csv
import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

import httpx

from poleward.cli.app import app as commands
from poleward.detector.detector import Detector
from poleward.serve.application import application
from poleward.serve.door import Limits
from poleward.serve.keys import Keys

KEY = "a-key-of-the-tests"


@dataclass(frozen=True)
class Known:
    """A model, the source that it can score, and what `poleward score` says of it."""

    model: Path
    source: Path
    detector: Detector
    lines: dict

    @property
    def told(self):
        """The same as the server has to say it."""
        return [
            {
                "id": name,
                "score": float(score),
                "p_value": float(p),
                "is_anomaly": flag == "true",
                "in_training": known == "true",
            }
            for name, score, p, flag, known in zip(*self.lines.values(), strict=True)
        ]


def known(folder, source, *words):
    model, ranking = folder / "model", folder / "ranking.csv"
    quick = ["--epochs", "1", "--n-latent", "3", "--correction", "--alpha", "0.2"]
    commands(["fit", str(source), "--out", str(model), *quick, *words], standalone_mode=False)
    commands(["score", str(model), str(source), "--out", str(ranking)], standalone_mode=False)
    with ranking.open(newline="") as file:
        header, *rows = csv.reader(file)
    lines = {name: [row[at] for row in rows] for at, name in enumerate(header)}
    return Known(model, source, Detector.load(model, "cpu"), lines)


class Client:
    """Asks an app, which lives on a thread with a loop of its own; it may be used from several threads."""

    def __init__(self, app):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.told = asyncio.Queue()
        self.ends = self.soon(self.live(app))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60)

    def soon(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    async def live(self, app):
        async def ignore(message):
            assert message["type"].endswith("complete"), message

        self.told.put_nowait({"type": "lifespan.startup"})
        await app({"type": "lifespan", "state": {}}, self.told.get, ignore)

    def request(self, method, path, **more):
        return self.soon(self.http.request(method, path, **more)).result()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, **more):
        return self.request("POST", path, **more)

    def close(self):
        self.soon(self.http.aclose()).result()
        self.soon(self.told.put({"type": "lifespan.shutdown"})).result()
        self.ends.result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """Rows of a mixed table, some cells missing, named by a column; every 10th is odd."""
    folder = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(0)
    with (folder / "table.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["name", "a", "b", "colour", "day", "flag"])
        for row in range(120):
            a = rng.normal() + (9 if row % 10 == 0 else 0)
            b = "" if row % 7 == 0 else repr(float(rng.normal()))
            rest = [rng.choice(["red", "green"]), f"2024-01-{1 + row % 28:02d}", rng.choice(["true", "false"])]
            lines.writerow([f"r{row}", repr(float(a)), b, *rest])
    return known(folder, folder / "table.csv", "--id-column", "name")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Noisy images of 8 x 6 pixels and 3 bands, the last ones brighter."""
    folder = tmp_path_factory.mktemp("pictures")
    source = folder / "images"
    source.mkdir()
    rng = np.random.default_rng(0)
    for number in range(40):
        image = rng.integers(0, 100, (8, 6, 3)) + (100 if number >= 36 else 0)
        Image.fromarray(image.astype(np.uint8)).save(source / f"{number:02d}.png")
    return known(folder, source)


@pytest.fixture(scope="session")
def ask():
    """Serve a detector in this process; gives a client, the same one for the same settings."""
    made = {}
    with ExitStack() as stack:

        def client(detector, limits=None, keys=(), local_only=True):
            settings = (id(detector), limits, keys, local_only)
            if settings not in made:
                app = application(detector, limits or Limits(), Keys(keys), local_only)
                made[settings] = stack.enter_context(closing(Client(app)))
            return made[settings]

        yield client


@pytest.fixture
def refused():
    """Check that an answer is an error of this status, in one sentence; gives the sentence."""

    def check(answer, status):
        assert answer.status_code == status, answer.text
        assert list(answer.json()) == ["error"]
        sentence = answer.json()["error"]
        assert sentence and "\n" not in sentence and "Traceback" not in sentence
        return sentence

    return check


@pytest.fixture(scope="session")
def objects(rows):
    """The table as JSON rows: numbers as numbers, flags as flags, an empty cell as null."""
    table = pa.csv.read_csv(rows.source)
    return [{name: str(cell) if name == "day" else cell for name, cell in row.items()} for row in table.to_pylist()]
