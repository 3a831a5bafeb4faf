"""Parts of a source as Ray reads them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from ray.data import Datasource, ReadTask
from ray.data.block import BlockMetadata

from poleward.data.source import Source

Read = Callable[[Source], Iterator[pa.Table]]


class SourceParts(Datasource):
    """One reading task for each part.

    read : part -> its blocks
    """

    def __init__(self, parts: Sequence[Source], read: Read) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.parts = parts
        self.read = read

    def get_name(self) -> str:
        """How Ray calls it."""
        return "Poleward"

    def estimate_inmemory_data_size(self) -> int | None:
        """Unknown before it was read."""
        return None

    def get_read_tasks(self, parallelism: int, *limits: Any, **more: Any) -> list[Any]:
        """One `ReadTask` for each part, in their order, whatever parallelism is asked for."""
        return [
            ReadTask(
                partial(self.read, part),
                BlockMetadata(num_rows=part.count(), size_bytes=None, exec_stats=None, input_files=None),
            )
            for part in self.parts
        ]
