"""A server that runs until it is told to stop, and then finishes what it has begun."""

import ipaddress
import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from poleward.serve.application import application
from poleward.serve.door import Limits
from poleward.serve.keys import Keys

if TYPE_CHECKING:
    from poleward.classifier.classifier import OpenSetClassifier
    from poleward.detector.detector import Detector


def server(estimator: "Detector | OpenSetClassifier", host: str, keys: Keys, limits: Limits) -> uvicorn.Server:
    """What answers requests: ``server(...).run(sockets=[listening(0)])`` does until it is told to stop.

    Without keys, a server on this machine's own interface answers to its own names only.
    """
    app = application(estimator, limits, keys, local_only=is_loopback(host) and not keys)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=math.ceil(limits.timeout),
    )
    return uvicorn.Server(config)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server at this host.

    >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM is a regular end: the server stops by itself, and so does the program, with 0."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
