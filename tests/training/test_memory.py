import ctypes

import pytest

from poleward.training import memory
from poleward.training.memory import keep_freed_memory


def test_the_c_library_is_told_to_keep_large_blocks(monkeypatch):
    told = []

    class Library:
        @staticmethod
        def mallopt(option, value):
            told.append((option, value))

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library)
    keep_freed_memory()
    assert told == [(-3, 2**30), (-1, 2**31 - 1)]


@pytest.mark.parametrize("missing", [OSError, AttributeError, TypeError])
def test_another_c_library_is_left_alone(monkeypatch, missing):
    def absent(name):
        raise missing

    monkeypatch.setattr(ctypes, "CDLL", absent)
    keep_freed_memory()
