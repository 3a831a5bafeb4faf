"""What all tests share: one thread, the same examples every time, and the data that may lie beside the checkout."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # two multi-threaded processes on two cores collapse
os.environ["SCIPY_ARRAY_API"] = "1"  # scikit-learn's estimator checks ask for it

import resource
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
import threadpoolctl
import torch

torch.set_num_threads(1)
threadpoolctl.threadpool_limits(1)  # a plugin of pytest imports numpy before this file
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared():
    """Path of something below the shared folder beside the checkout; the test is skipped where that is absent."""

    def path(name):
        if not (SHARED / name).exists():
            pytest.skip(f"shared/{name} is not beside this checkout")
        return SHARED / name

    return path


@pytest.fixture
def disc_full_after():
    """A context in which no file can grow beyond so many bytes, as on a disc without more room."""

    @contextmanager
    def limited(n_bytes):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
