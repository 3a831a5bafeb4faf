"""Asks a server the same thing many times, over connections that stay open, and says how long it took.

``python -m poleward.benchmark.client PORT REQUEST-FILE N CONNECTIONS``: a program of its own, so that what it costs is
not counted as the server's. It prints JSON: seconds in all, and the seconds of each request.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    content: bytes


class Connection:
    """One connection to a server of this machine, opened again where the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send the bytes of a request and read its answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        length = fields.get("content-length")
        content = await (reader.read() if length is None else reader.readexactly(int(length)))
        if length is None or fields.get("connection") == "close":
            await self.close()
        return Answer(int(head.split(" ", 2)[1]), content)

    async def close(self) -> None:
        """Close it."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def request(path: str, content: bytes, headers: Mapping[str, str] | None = None, method: str = "POST") -> bytes:
    """The bytes of a request.

    >>> request("/score", b"[]", {"content-type": "text/csv"}).splitlines()[0]
    b'POST /score HTTP/1.1'
    """
    lines = [f"{method} {path} HTTP/1.1", f"host: {HOST}", f"content-length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


async def ask_once(port: int, whole: bytes) -> Answer:
    """One request over a connection of its own."""
    connection = Connection(port)
    try:
        return await connection.ask(whole)
    finally:
        await connection.close()


async def load(port: int, whole: bytes, n: int, n_connections: int) -> tuple[float, list[float]]:
    """Seconds in all and of each of n requests, a connection sending its next one when it has its answer."""
    left, seconds = iter(repeat(None, n)), list[float]()

    async def one_after_the_other() -> None:
        connection = Connection(port)
        for _ in left:
            start = time.perf_counter()
            answer = await connection.ask(whole)
            seconds.append(time.perf_counter() - start)
            if answer.status != 200:
                raise ValueError(f"the server answered {answer.status}: {answer.content[:200]!r}")
        await connection.close()

    start = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(n_connections)))
    return time.perf_counter() - start, seconds


def main(words: Sequence[str]) -> None:
    """Run what the command line says."""
    port, file, n, n_connections = words
    in_all, each = asyncio.run(load(int(port), Path(file).read_bytes(), int(n), int(n_connections)))
    print(json.dumps({"seconds": in_all, "each": each}))


if __name__ == "__main__":
    main(sys.argv[1:])
