"""Who may talk to the server: a page that this server gave out, on this machine, with the token of its address."""

import hmac
from collections.abc import Mapping

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
        headers = headers_of(scope)
        _, token, path = (*scope["path"].split("/", 2), "", "")[:3]
        fault = self._fault(headers, token, scope["method"])
        if fault is not None:
            await _answer(send, *fault)
            return
        inner = dict(scope) | {"path": f"/{path}", "raw_path": f"/{path}".encode(), "root_path": ""}
        await self.app(inner, limited(receive, LARGEST_BODY), with_headers(send, HEADERS))

    def _fault(self, headers: Mapping[str, str], token: str, method: str) -> tuple[int, str] | None:
        """Status and reason of a request that is not answered, or None."""
        if not is_own_host(headers):
            return 421, "This server answers to 127.0.0.1 and localhost only."
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return 403, "The address lacks its token; open the one that the terminal shows."
        if ("origin" in headers or method not in ("GET", "HEAD")) and not is_own_origin(headers):
            return 403, "The request comes from another site."
        if states_more_than(headers, LARGEST_BODY):
            return 413, f"More than {LARGEST_BODY:,} bytes were sent."
        return None


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await with_headers(send, HEADERS)({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
