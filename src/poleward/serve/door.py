"""What stands before the application: who may ask, how much, how many at once, and for how long."""

import asyncio
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from poleward.serve.answers import written
from poleward.serve.keys import Keys
from poleward.serve.limits import (
    App,
    Receive,
    Scope,
    Send,
    headers_of,
    is_own_host,
    is_own_origin,
    limited,
    states_more_than,
    with_headers,
)
from poleward.serve.metrics import Metrics

KEY_HEADER = "X-API-Key"
OPEN_PATH = "/health"
"""Asked by whoever starts and stops the server, which has no key."""

HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
RETRY_AFTER = 1
"""Seconds after which a client that was turned away may come back."""


@dataclass(frozen=True)
class Limits:
    """What a server takes upon itself.

    most_bytes : of a body
    most_values : numbers, pixels of a band or cells, of one request, once decoded or prepared
    most_requests : in flight at the same time; others are turned away with 503
    timeout : seconds from the head of a request to its answer
    """

    most_bytes: int = 32 << 20
    most_values: int = 32_000_000
    most_requests: int = 64
    timeout: float = 30.0


@dataclass
class Answering:
    """How far the answer to one request has come."""

    status: int = 0
    has_body: bool = False
    start: float = field(default_factory=time.monotonic)


class Door:
    """Lets requests through to an app (ASGI).

    paths : of the app, by which requests are counted
    local_only : answer only to this machine's own names, and to no page of another site; for a server without keys
    """

    def __init__(
        self, app: App, limits: Limits, keys: Keys, metrics: Metrics, paths: frozenset[str], local_only: bool
    ) -> None:
        self._app = app
        self._limits = limits
        self._keys = keys
        self._metrics = metrics
        self._paths = paths
        self._local_only = local_only
        self._n_in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = Answering()
        self._n_in_flight += 1
        self._metrics.in_flight.set(self._n_in_flight)
        try:
            await self._answer(answering, scope, receive, watched(with_headers(send, HEADERS), answering))
        finally:
            self._n_in_flight -= 1
            self._metrics.in_flight.set(self._n_in_flight)
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.answered(path, answering.status, time.monotonic() - answering.start)

    async def _answer(self, answering: Answering, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._fault(headers_of(scope), scope["path"])
        if fault is not None:
            await refuse(send, *fault)
            return
        try:
            async with asyncio.timeout(self._limits.timeout):
                await self._app(scope, noticed(limited(receive, self._limits.most_bytes), answering), send)
        except TimeoutError:
            if answering.status:
                raise
            if answering.has_body:
                await refuse(send, 503, f"there was no answer within {self._limits.timeout:g} seconds; try again later")
            else:
                await refuse(send, 408, f"the body did not arrive within {self._limits.timeout:g} seconds")

    def _fault(self, headers: Mapping[str, str], path: str) -> tuple[int, str] | None:
        """Status and reason of a request that is not let through, or None."""
        if self._local_only and not is_own_host(headers):
            return 421, "without an API key this server answers to 127.0.0.1 and localhost only"
        if self._local_only and "origin" in headers and not is_own_origin(headers):
            return 403, "the request comes from a page of another site"
        if path != OPEN_PATH and not self._keys.admit(headers.get(KEY_HEADER.lower(), "")):
            return 401, f"the header {KEY_HEADER} has to hold an API key of this server"
        if "content-encoding" in headers:
            return 415, f"the body is {headers['content-encoding']!r}-encoded; send it as it is"
        if states_more_than(headers, self._limits.most_bytes):
            return 413, too_large(self._limits)
        if path != OPEN_PATH and self._n_in_flight > self._limits.most_requests:
            return 503, f"{self._limits.most_requests} requests are in flight; come back in {RETRY_AFTER} second"
        return None


def too_large(limits: Limits) -> str:
    """What a body beyond the limit is told."""
    return f"more than {limits.most_bytes:,} bytes were sent"


async def refuse(send: Send, status: int, why: str) -> None:
    """Answer with an error, and close the connection: the body may not have been read."""
    content = written({"error": why})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
        *([(b"retry-after", str(RETRY_AFTER).encode())] if status == 503 else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def watched(send: Send, answering: Answering) -> Send:
    """The same answers; their status is noted."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answering.status = message["status"]
        await send(message)

    return sending


def noticed(receive: Receive, answering: Answering) -> Receive:
    """The same messages; it is noted when the body is complete."""

    async def receiving() -> MutableMapping[str, Any]:
        message = await receive()
        answering.has_body = not message.get("more_body", False)
        return message

    return receiving
