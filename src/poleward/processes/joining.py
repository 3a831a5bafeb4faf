"""How processes come together: started by torchrun, or by a command that starts others like itself."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import torch
from torch import distributed

from poleward.errors import PolewardError
from poleward.processes.team import ALONE, Team, working

SECONDS_TO_END = 60
"""Given to the other processes once this one is done."""

Helper = tuple["subprocess.Popen[bytes]", IO[bytes]]


@contextmanager
def joined(n_processes: int) -> Iterator[Team]:
    """Work in a team: that which torchrun started, else one of so many processes on this machine.

    The other processes run the same command line again. They meet over gloo, and over NCCL what lies on CUDA devices,
    of which each process takes its own.

    Errors
    ------
    PolewardError when another process ended early.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        with _met(Team(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))) as team:
            yield team
    elif n_processes == 1:
        yield ALONE
    else:
        with _helped_by(n_processes - 1), _met(Team(0, n_processes)) as team:
            yield team


@contextmanager
def _met(team: Team) -> Iterator[Team]:
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        with working(team):
            yield team
    finally:
        distributed.destroy_process_group()


@contextmanager
def _helped_by(n_helpers: int) -> Iterator[None]:
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(n_helpers + 1)}
    threads = max(1, (os.cpu_count() or 1) // (n_helpers + 1))
    torch.set_num_threads(threads)
    before = dict(os.environ)
    helpers = [
        _started({"OMP_NUM_THREADS": str(threads), **before, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(1, n_helpers + 1)
    ]
    os.environ |= meeting | {"RANK": "0", "LOCAL_RANK": "0"}
    try:
        yield
        for process, _ in helpers:
            process.wait(SECONDS_TO_END)
    except RuntimeError as error:  # what torch raises when a process is gone
        raise PolewardError(_ended_early(helpers) or str(error)) from error
    finally:
        os.environ.clear()
        os.environ |= before
        for process, said in helpers:
            process.kill()
            process.wait()
            said.close()


def _started(environment: dict[str, str]) -> Helper:
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
    command = [sys.executable, "-m", "poleward", *sys.argv[1:]]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=said), said


def _ended_early(helpers: list[Helper]) -> str:
    """The last words of the first process that failed."""
    for process, said in helpers:
        try:
            failed = process.wait(1) != 0
        except subprocess.TimeoutExpired:
            continue
        if failed:
            said.seek(0)
            words = said.read().decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
            return f"another of the training processes ended early: {words[-1]}"
    return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
