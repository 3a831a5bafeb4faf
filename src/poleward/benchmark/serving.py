"""``poleward serve`` under load, beside a bare FastAPI echo in the same run, and under requests that are nearly right.

Servers and the client are programs of their own; nothing is known here of a server but what it answers.
"""

import asyncio
import io
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from PIL import Image

from poleward.benchmark.client import HOST, Answer, Connection, ask_once, request
from poleward.benchmark.malformed import (
    Body,
    Request,
    image_bodies,
    malformed,
    table_bodies,
)
from poleward.benchmark.measuring import Interval
from poleward.benchmark.record import Figure
from poleward.errors import PolewardError, SettingError

N_COLUMNS, N_ROWS, SIDE = 20, 2000, 32
CONNECTIONS = 32
PATIENCE = 600.0
"""Seconds that a server may take to start, or a request to be answered."""

PROGRAM = "from poleward.cli import main; main()"
ECHO = """
import socket, uvicorn
from fastapi import FastAPI, Request, Response
app = FastAPI()
@app.post("/score")
async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type="application/json")
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen()
config = uvicorn.Config(app, log_level="warning", access_log=False)
print(f"echo is served at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(config).run(sockets=[listener])
"""
KINDS = {"json": "application/json", "npy": "application/octet-stream"}


@dataclass(frozen=True)
class Served:
    """A running server."""

    port: int

    def figure(self, name: str) -> float:
        """One of its metrics."""
        answer = asyncio.run(ask_once(self.port, request("/metrics", b"", method="GET")))
        line = next(line for line in answer.content.decode().splitlines() if line.startswith(f"{name} "))
        return float(line.split()[1])

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        return self.figure("process_resident_memory_bytes") / 2**20


def load_figures(n: int, turns: int) -> Iterator[Figure]:
    """Requests per second and 99th percentiles of /score, with one connection and with 32, beside the echo."""
    bodies = {
        "one row of JSON": rows_as_json(1),
        "100 rows of JSON": rows_as_json(100),
        "100 rows of npy": rows_as_npy(100),
    }
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        ours = stack.enter_context(serving("-c", PROGRAM, "serve", table_model(folder), "--port", "0"))
        echo = stack.enter_context(serving("-c", ECHO))
        for name, body in bodies.items():
            file = folder / "request"
            file.write_bytes(request("/score", body.content, {"content-type": body.media_type}))
            for n_connections in (1, CONNECTIONS):
                yield from beside({"echo": echo, "/score": ours}, file, name, n, n_connections, turns)
        yield Figure("requests scored together at the last load, mean", Interval.of(np.array([together(ours)])))


def beside(
    servers: dict[str, Served], file: Path, what: str, n: int, n_connections: int, turns: int
) -> Iterator[Figure]:
    """The same load on each server in turn."""
    rates: dict[str, list[float]] = {name: [] for name in servers}
    slowest: dict[str, list[float]] = {name: [] for name in servers}
    for turn in range(turns + 1):
        for name, server in servers.items():
            seconds, each = loaded(server, file, n, n_connections)
            if turn:  # the first one warms up
                rates[name].append(n / seconds)
                slowest[name].append(1000 * float(np.percentile(each, 99)))
    where = f"{what}, {n_connections} connection{'s' if n_connections > 1 else ''}"
    for name in servers:
        yield Figure(f"{where}: {name}, requests/s", Interval.of(np.array(rates[name])))
        yield Figure(f"{where}: {name}, 99th percentile, ms", Interval.of(np.array(slowest[name])))


def malformed_figures(n: int, seed: int) -> Iterator[Figure]:
    """Statuses, slowest answer, memory and open files after n damaged requests, half of them to a model of images.

    Memory and files are those that the second half of a model's requests adds: what is loaded once is not counted.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        models: dict[str, tuple[Path, list[Body]]] = {
            "rows": (table_model(folder), table_bodies(table(N_ROWS))),
            "images": image_model(folder),
        }
        for name, (model, bodies) in models.items():
            with serving("-c", PROGRAM, "serve", model, "--port", "0", "--timeout", PATIENCE) as server:
                first, slowest = asyncio.run(answered(server.port, list(malformed(bodies, n // 4, seed + 1))))
                before, files = server.memory, server.figure("process_open_fds")
                second, later = asyncio.run(answered(server.port, list(malformed(bodies, n // 4, seed))))
                after = server.memory
                yield from fuzz_figures(name, first + second, max(slowest, later))
                yield Figure(f"{name}: memory after half of them, MiB", Interval.of(np.array([before])))
                growth = after - before
                yield Figure(f"{name}: growth, MiB", Interval.of(np.array([growth])), "at most 16", growth <= 16)
                left = server.figure("process_open_fds") - files
                yield Figure(f"{name}: open files, growth", Interval.of(np.array([left])), "at most 0", left <= 0)


def fuzz_figures(name: str, statuses: "Counter[int]", slowest: float) -> Iterator[Figure]:
    """What was answered."""
    for status, count in sorted(statuses.items()):
        yield Figure(f"{name}: answers {status}", Interval.of(np.array([float(count)])))
    faults = float(sum(count for status, count in statuses.items() if status >= 500))
    yield Figure(f"{name}: answers of 500 and above", Interval.of(np.array([faults])), "none", faults == 0)
    yield Figure(f"{name}: slowest answer, s", Interval.of(np.array([slowest])), "at most 10", slowest <= 10)


async def answered(port: int, requests: Sequence[Request], at_once: int = 8) -> tuple["Counter[int]", float]:
    """How often each status was answered, and the seconds of the slowest answer; 0 stands for a closed connection."""
    statuses: Counter[int] = Counter()
    slowest, left = 0.0, iter(requests)

    async def one_after_the_other() -> None:
        nonlocal slowest
        connection = Connection(port)
        for one in left:
            start = time.perf_counter()
            statuses[await status_of(connection, one)] += 1
            slowest = max(slowest, time.perf_counter() - start)
        await connection.close()

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return statuses, slowest


async def status_of(connection: Connection, one: Request) -> int:
    """The status of the answer to a request, 0 where the server closed the connection instead."""
    whole = request(one.path, one.body.content, {"content-type": one.body.media_type}, one.method)
    try:
        answer: Answer = await asyncio.wait_for(connection.ask(whole), PATIENCE)
    except (asyncio.IncompleteReadError, ConnectionError):
        await connection.close()
        return 0
    except TimeoutError as late:
        raise PolewardError(f"{one.method} {one.path} was not answered within {PATIENCE:g} s") from late
    return answer.status


def loaded(server: Served, file: Path, n: int, n_connections: int) -> tuple[float, list[float]]:
    """Seconds in all and of each request."""
    words = ["-m", "poleward.benchmark.client", server.port, file, n, n_connections]
    printed = subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True, text=True).stdout
    told = json.loads(printed)
    return told["seconds"], told["each"]


def together(server: Served) -> float:
    """Requests scored together, mean over all batches."""
    return server.figure("poleward_requests_per_batch_sum") / server.figure("poleward_requests_per_batch_count")


@contextmanager
def serving(*words: object) -> Iterator[Served]:
    """A server in a program of its own, from when it says where it is."""
    command = [sys.executable, *map(str, words)]
    with (
        tempfile.TemporaryFile("w+") as faults,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=faults, text=True) as process,
    ):
        try:
            line = next((line for line in process.stdout or () if HOST in line), "")
            if not line:
                faults.seek(0)
                raise SettingError(f"the server did not start: {faults.read()[-300:]}")
            yield Served(int(line.partition(f"{HOST}:")[2].split()[0]))
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.kill()


def table(n: int) -> pa.Table:
    """Rows of numbers."""
    cells = np.random.default_rng(0).standard_normal((N_COLUMNS, n)).round(4)
    return pa.table({f"c{at}": column for at, column in enumerate(cells)})


def rows_as_json(n: int) -> Body:
    """The first rows as JSON objects."""
    return Body(json.dumps({"rows": table(n).to_pylist()}).encode(), KINDS["json"])


def rows_as_npy(n: int) -> Body:
    """The first rows as an array."""
    buffer = io.BytesIO()
    np.save(buffer, np.column_stack([column.to_numpy() for column in table(n).columns]))
    return Body(buffer.getvalue(), KINDS["npy"])


def table_model(folder: Path) -> Path:
    """A model of the rows."""
    pa.csv.write_csv(table(N_ROWS), folder / "rows.csv")
    return fitted(folder / "rows.csv", folder / "rows")


def image_model(folder: Path) -> tuple[Path, list[Body]]:
    """A model of noisy images, and bodies with some of them."""
    images = np.random.default_rng(0).integers(0, 256, (200, SIDE, SIDE, 3), np.uint8)
    (folder / "pictures").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / "pictures" / f"{number:03d}.png")
    return fitted(folder / "pictures", folder / "images"), image_bodies(images[:2])


def fitted(source: Path, model: Path) -> Path:
    """A model of a source, barely trained: what it scores does not matter here."""
    words: list[Any] = [sys.executable, "-c", PROGRAM, "fit", source, "--out", model, "--epochs", 2, "--correction"]
    subprocess.run([str(word) for word in words], check=True, capture_output=True)
    return model
