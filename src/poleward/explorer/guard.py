"""Who may talk to the server: a page that this server gave out, on this machine, with the token of its address."""

import hmac
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
"""A name that another site cannot take (DNS rebinding); any port, for one may be forwarded."""

LARGEST_BODY = 32 << 20
"""Bytes that a request may send: a catalogue of some hundred thousand lines."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Sent with every answer: no script but the package's own, nothing from or to elsewhere, no token in a referrer."""


class Guard:
    """Lets a request through to an app when it comes from this machine's own page, and limits what it sends.

    app : what is guarded; it sees paths without the token
    token : the first part of every path
    """

    def __init__(self, app: App, token: str) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        _, token, path = (*scope["path"].split("/", 2), "", "")[:3]
        fault = self._fault(headers, token, scope["method"])
        if fault is not None:
            await _answer(send, *fault)
            return
        inner = dict(scope) | {"path": f"/{path}", "raw_path": f"/{path}".encode(), "root_path": ""}
        await self.app(inner, _limited(receive), _with_headers(send))

    def _fault(self, headers: MutableMapping[str, str], token: str, method: str) -> tuple[int, str] | None:
        """Status and reason of a request that is not answered, or None."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not OWN_HOST.fullmatch(host):
            return 421, "This server answers to 127.0.0.1 and localhost only."
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return 403, "The address lacks its token; open the one that the terminal shows."
        if (origin is not None or method not in ("GET", "HEAD")) and origin != f"http://{host}":
            return 403, "The request comes from another site."
        if int(length) > LARGEST_BODY if (length := headers.get("content-length", "0")).isdecimal() else True:
            return 413, f"More than {LARGEST_BODY:,} bytes were sent."
        return None


class TooLarge(Exception):  # noqa: N818 - says what happened
    """A body without a stated length went beyond the limit."""


def _limited(receive: Receive) -> Receive:
    n_bytes = 0

    async def limited() -> MutableMapping[str, Any]:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > LARGEST_BODY:
            raise TooLarge
        return message

    return limited


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *own]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await _with_headers(send)({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
