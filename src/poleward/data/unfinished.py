"""What a stopped run has ranked, kept batch by batch, so that the next one need not rank it again.

A ranking is kept under a digest of all that it follows from: the samples and their names, and what ranked them. One
that belongs to other data, another model or another level is never found, so that a resumed run ends with the bits of
an uninterrupted one.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from poleward.data.rankings import faults_named, ranking_of, ranking_table
from poleward.data.source import Batch
from poleward.errors import Interrupted, PolewardError
from poleward.records import Ranking
from poleward.staging import resumable


class Unfinished:
    """The batches of one ranking that are ranked already.

    path : of the ranking
    folder : where they are kept, a parquet file each
    ranked_by : names the model, the level and whatever else a ranking follows from beside its samples
    n_found, n_kept : samples whose ranking was there, and all whose ranking is there now
    """

    def __init__(self, path: Path, folder: Path, ranked_by: str) -> None:
        self._path = path
        self._folder = folder
        self._ranked_by = ranked_by
        self.n_found = self.n_kept = 0

    def ranking(self, batch: Batch, rank: Callable[[Batch], Ranking]) -> Ranking:
        """The ranking of a batch, from before or else computed now, and kept."""
        part = self._folder / f"{digest(batch, self._ranked_by)}.parquet"
        found = _read(part)
        ranking = rank(batch) if found is None else found
        if found is None:
            with faults_named(self._path):
                _write(part, ranking)
        self.n_found += 0 if found is None else len(batch.ids)
        self.n_kept += len(batch.ids)
        return ranking


@contextmanager
def unfinished(path: Path, ranked_by: str, resume: bool) -> Iterator[Unfinished]:
    """What is ranked of a ranking that will lie at a path; whatever ends the block, its message says how to go on.

    resume : with what an earlier run has left

    Errors
    ------
    OutputError : the place cannot be written, or another process is writing it
    """
    with ExitStack() as opened:
        with faults_named(path):
            folder = opened.enter_context(resumable(path, resume))
        parts = Unfinished(path, folder, ranked_by)
        try:
            yield parts
        except (KeyboardInterrupt, PolewardError) as end:
            if not parts.n_kept:
                raise
            advice = f"{parts.n_kept:,} samples are ranked, go on from there with --resume"
            if isinstance(end, PolewardError):
                raise type(end)(f"{end}; {advice}") from end
            raise Interrupted(f"stopped; {advice}") from end


def digest(batch: Batch, ranked_by: str = "") -> str:
    """Hash the samples of a batch, their names, and a text: 128 bits in hexadecimal digits.

    >>> one, other = (Batch(["a"], np.array([[number]])) for number in (1, 2))
    >>> digest(one) == digest(one), digest(one) == digest(other), digest(one) == digest(one, "other")
    (True, False, False)
    """
    content = hashlib.blake2b(repr((ranked_by, batch.ids)).encode(), digest_size=16)
    if isinstance(batch.data, np.ndarray):
        content.update(f"{batch.data.dtype.str} {batch.data.shape}".encode())
        content.update(np.ascontiguousarray(batch.data).data)
    else:
        content.update(_streamed(batch.data))
    return content.hexdigest()


def _streamed(table: pa.Table) -> memoryview:
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as stream:
        stream.write_table(table)
    return buffer.getbuffer()


def _read(part: Path) -> Ranking | None:
    """A ranking that was kept; None where there is none, or none that is whole."""
    try:
        return ranking_of(pa.parquet.read_table(part))
    except (OSError, pa.ArrowException):
        return None


def _write(part: Path, ranking: Ranking) -> None:
    """Keep a ranking; a killed process leaves it whole or without its name."""
    half = part.with_suffix(".half")
    pa.parquet.write_table(ranking_table(ranking), half)
    half.replace(part)
