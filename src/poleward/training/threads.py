"""How many threads torch uses."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread_for(rows: bool) -> Iterator[None]:
    """Within this context one thread, if the samples are rows: their networks are too small to share.

    Beside another busy process, two threads that wait for each other made such a training seventeen times slower; alone
    they gain nothing. One thread also makes results independent of the number of cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if rows else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
