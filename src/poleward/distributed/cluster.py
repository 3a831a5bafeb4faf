"""Scoring on a Ray cluster: parts of a source are read and ranked by its workers, and come back in the source's order.

Ray reads and ranks with as many workers as it has processors; of a source that is one part, one of them reads.
"""

import io
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from poleward import errors
from poleward.data.columns import named
from poleward.data.parts import parts
from poleward.data.rankings import COLUMNS, SCHEMA, ranking_of
from poleward.data.source import Batch, Source
from poleward.detector.rows import SAMPLES_AT_A_TIME
from poleward.distributed.batch import BatchScorer
from poleward.errors import PolewardError, SettingError, SourceError
from poleward.records import Ranking

OBJECT_STORE_BYTES = 1 << 30
"""Shared memory for what travels between the workers of a local cluster."""

ATTEMPTS = 3
"""To start a local cluster: on a machine busy with other work Ray gives up on its own processes after 15 seconds."""

PARTS_PER_PROCESSOR = 4
"""So that a slow part does not leave the other processors without work."""

NAME, IMAGE, FAULT = "__name__", "__image__", "__fault__"
"""Columns of a block beside those of the source: what names a sample, an image's bytes, why a sample is damaged.

A line with a fault and no name is an error, the name of its class first: Ray itself would lose what kind it was.
"""


def ranked_by_ray(
    model: Path, source: Source, alpha: float | None, address: str | None, skipped: list[tuple[str, str]]
) -> Iterator[Ranking]:
    """Rank a source on the cluster at the address, or on one of this machine's processors that lives as long.

    The rankings are those of a single process, in the same order, to the last bit where the workers' processors are of
    the same kind. Model and source have to lie at the same path for every worker.

    skipped : takes (id, reason) of the damaged images that the source was told to skip

    Errors
    ------
    SettingError when ray is not installed or there is no cluster at the address; what ranking itself raises.
    """
    image_column = IMAGE if source.kind == "images" else None
    scorer = BatchScorer(str(model.resolve()), NAME, image_column, alpha)
    n_ranked = 0
    with joined_cluster(address) as ray:
        n_parts = PARTS_PER_PROCESSOR * int(ray.cluster_resources().get("CPU", 1))
        for block in _blocks(ray, scorer, parts(source, n_parts)):
            ranked, faults = _apart(block)
            skipped += _damaged(faults.column("id").to_pylist(), faults.column(FAULT).to_pylist())
            n_ranked += len(ranked)
            yield ranking_of(ranked)
    if not n_ranked:
        raise SourceError(f"no image can be read; {skipped[0][1]}" if skipped else "the source holds no samples")


def read_blocks(source: Source) -> Iterator[pa.Table]:
    """The samples of a source as blocks that can travel: named rows, or named images as the bytes of .npy files."""
    try:
        for batch in source.batches(SAMPLES_AT_A_TIME[source.kind]):
            yield _block(batch)
    except PolewardError as error:
        if len(source.skipped) != source.count():  # else it says that no image can be read: those of other parts may be
            yield _faulty([None], [_in_words(error)])
    if source.skipped:
        yield _faulty(*map(list, zip(*source.skipped, strict=True)))


def rank_block(block: pa.Table, scorer: BatchScorer) -> pa.Table:
    """The ranking of a block; a damaged sample has a line without figures."""
    whole, faults = _apart(block)
    try:
        ranked = scorer(whole.drop_columns([FAULT]))
    except PolewardError as error:
        ranked, faults = SCHEMA.empty_table(), _faulty([None], [_in_words(error)])
    ranked = ranked.append_column(FAULT, pa.nulls(len(ranked), pa.string()))
    empty = {name: pa.nulls(len(faults), kind) for name, kind in COLUMNS.items()}
    return pa.concat_tables([ranked, pa.table(empty | {"id": faults[NAME], FAULT: faults[FAULT]})])


def _apart(block: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The lines of a block without a fault, and those with one."""
    whole = pa.compute.is_null(block[FAULT])
    return block.filter(whole), block.filter(pa.compute.invert(whole))


def _faulty(names: list[str | None], faults: list[str]) -> pa.Table:
    columns = {NAME: pa.array(names, pa.string()), FAULT: pa.array(faults, pa.string())}
    return pa.table(columns | {IMAGE: pa.nulls(len(faults), pa.large_binary())})


def _in_words(error: PolewardError) -> str:
    return f"{type(error).__name__} {error}"


def _damaged(names: list[str | None], faults: list[str]) -> list[tuple[str, str]]:
    """Names and reasons; an error among them is raised."""
    found = []
    for name, fault in zip(names, faults, strict=True):
        if name is None:
            kind, _, sentence = fault.partition(" ")
            raise getattr(errors, kind, PolewardError)(sentence)
        found.append((name, fault))
    return found


def _block(batch: Batch) -> pa.Table:
    data = batch.data
    if isinstance(data, pa.Table):
        columns = named(data)
    else:
        columns = {IMAGE: pa.array([_as_file(image) for image in data], pa.large_binary())}
    names = pa.array(batch.ids, pa.string())
    return pa.table(columns | {NAME: names, FAULT: pa.nulls(len(names), pa.string())})


def _as_file(image: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, image)
    return file.getvalue()


def _blocks(ray: Any, scorer: BatchScorer, sources: Sequence[Source]) -> Iterator[pa.Table]:
    from poleward.distributed.reading import SourceParts

    read = ray.data.read_datasource(SourceParts(sources, read_blocks), override_num_blocks=len(sources))
    ranked = read.map_batches(
        rank_block,
        fn_kwargs={"scorer": scorer},
        batch_size=SAMPLES_AT_A_TIME[sources[0].kind],
        batch_format="pyarrow",
        num_cpus=1,
    )
    return iter(ranked.iter_batches(batch_size=None, batch_format="pyarrow"))


@contextmanager
def joined_cluster(address: str | None) -> Iterator[Any]:
    """Ray, joined to a cluster: one that this process has joined before, else that at the address, else its own."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise SettingError('--engine ray needs Ray; run: pip install "poleward[ray]"') from error
    joined = ray.is_initialized()
    if not joined:
        _join(ray, address)
    context = ray.data.DataContext.get_current()
    before = context.execution_options.preserve_order, context.enable_progress_bars
    context.execution_options.preserve_order, context.enable_progress_bars = True, False
    try:
        yield ray
    finally:
        context.execution_options.preserve_order, context.enable_progress_bars = before
        if not joined:
            ray.shutdown()


def _join(ray: Any, address: str | None) -> None:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is not None:
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _no_cluster(f"--address {address}: no Ray cluster can be joined there", error) from error
        return
    for attempt in range(ATTEMPTS):
        try:
            ray.init(address="local", include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **quiet)
            return
        except Exception as error:  # Ray raises nothing narrower when its processes come up too slowly
            ray.shutdown()
            if attempt == ATTEMPTS - 1:
                raise _no_cluster("Ray cannot start its processes on this machine", error) from error


def _no_cluster(what: str, error: Exception) -> SettingError:
    return SettingError(f"{what} ({' '.join(str(error).split())[:200]})")
