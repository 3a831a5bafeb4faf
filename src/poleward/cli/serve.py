"""poleward serve."""

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from poleward.cli.loading import load_estimator
from poleward.cli.options import Config, Device, Model
from poleward.cli.terminal import say, warn
from poleward.errors import SettingError

LIMITS = "What is accepted"


def serve(
    model: Model,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any that is free.")] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the API keys that are accepted, one a line; else the environment variable POLEWARD_API_KEY "
            "is one; without either, none is asked for.",
            show_default=False,
        ),
    ] = None,
    body: Annotated[int, typer.Option(min=1, help="MiB of a request's body.", rich_help_panel=LIMITS)] = 32,
    values: Annotated[
        int,
        typer.Option(min=1, help="Millions of pixels or cells of a request, once decoded.", rich_help_panel=LIMITS),
    ] = 32,
    queue: Annotated[
        int, typer.Option(min=1, help="Requests in flight; others are turned away.", rich_help_panel=LIMITS)
    ] = 64,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that a request may take.", rich_help_panel=LIMITS)
    ] = 30.0,
    device: Device = "auto",
    config: Config = None,
) -> None:
    """Answer requests over HTTP with a model: /score, /explain, /correct, /health, /metrics, /openapi.json."""
    try:
        from poleward.serve.door import Limits
        from poleward.serve.server import ended_by_sigterm, is_loopback, server
    except ModuleNotFoundError as missing:
        raise SettingError(f'{missing.name} is not installed; pip install "poleward[serve]"') from missing
    from poleward.serve.keys import read_keys
    from poleward.serve.limits import listening

    keys = read_keys(api_key_file, os.environ)
    limits = Limits(body << 20, values * 1_000_000, queue, timeout)
    with closing(listening(port, host)) as listener:
        running = server(load_estimator(model, device), host, keys, limits)
        if not keys and not is_loopback(host):
            warn(f"whoever reaches {host} may ask: no API key is required; give --api-key-file")
        say(f"{model} is served at http://{host}:{listener.getsockname()[1]} (Ctrl-C stops it)")
        with ended_by_sigterm():
            running.run(sockets=[listener])
