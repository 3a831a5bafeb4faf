"""What any server here asks of a request before it reads it: a host of this machine, a body of bounded size."""

import re
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from poleward.errors import SettingError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

THIS_MACHINE = "127.0.0.1"
OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
"""A name that another site cannot take (DNS rebinding); any port, for one may be forwarded."""


class TooLarge(Exception):  # noqa: N818 - says what happened
    """A body without a stated length went beyond the limit."""


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers by their names in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def is_own_host(headers: Mapping[str, str]) -> bool:
    """Whether a request asks for this machine by a name of its own.

    >>> is_own_host({"host": "localhost:8000"}), is_own_host({"host": "evil.example"})
    (True, False)
    """
    return OWN_HOST.fullmatch(headers.get("host", "")) is not None


def is_own_origin(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a page of the host that it asks for."""
    return headers.get("origin") == f"http://{headers.get('host', '')}"


def states_more_than(headers: Mapping[str, str], most_bytes: int) -> bool:
    """Whether the stated length of the body is beyond a limit, or no length at all.

    >>> states_more_than({"content-length": "9"}, 8), states_more_than({}, 8)
    (True, False)
    """
    length = headers.get("content-length", "0")
    return int(length) > most_bytes if length.isdecimal() and len(length) < 20 else True


def limited(receive: Receive, most_bytes: int) -> Receive:
    """The same messages; TooLarge when their bodies together go beyond the limit."""
    n_bytes = 0

    async def receiving() -> MutableMapping[str, Any]:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > most_bytes:
            raise TooLarge
        return message

    return receiving


def with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """The same answers, with further headers."""
    own = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *own]}
        await send(message)

    return sending


def listening(port: int, host: str = THIS_MACHINE) -> socket.socket:
    """A socket at an address of this machine; port 0 for any that is free; SettingError when it cannot be had."""
    listener = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)  # named, or asyncio leaves Nagle's 40 ms in every answer
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen()
    except (OSError, OverflowError, UnicodeError) as fault:
        if listener is not None:
            listener.close()
        raise SettingError(
            f"port {port} cannot be used on {host} ({fault}); choose another, or 0 for any that is free"
        ) from fault
    return listener
