"""Finding and repairing wrong cells with a fitted model: what is learned for it beside the network, and its use."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.correction.constraints import Constraints
from poleward.correction.images import ImageCorrector, few_enough
from poleward.correction.table import TableCorrector, most_probable
from poleward.data.fingerprint import fingerprints
from poleward.detector.ranker import Ranker
from poleward.detector.rows import SAMPLES_AT_A_TIME, prepared_runs, take
from poleward.records import Change, Correction, Features

if TYPE_CHECKING:
    from poleward.detector.model import Model

Load = Callable[[NDArray[np.int64]], Features]


@dataclass(frozen=True)
class Learned:
    """What a corrector learned, as it is stored; the corrector itself is rebuilt when it is first needed.

    manifest : plain JSON values
    arrays : floats in float32 where that holds them exactly
    """

    manifest: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, corrector: TableCorrector | ImageCorrector) -> "Learned":
        """Keep what a corrector learned."""
        arrays = {name: narrowed(array) for name, array in corrector.to_arrays().items()}
        return cls(corrector.to_manifest(), arrays)

    @cached_property
    def of_table(self) -> TableCorrector:
        """The corrector of a table."""
        return TableCorrector.restore(self.manifest, {name: widened(array) for name, array in self.arrays.items()})

    @cached_property
    def of_images(self) -> ImageCorrector:
        """The corrector of images."""
        return ImageCorrector.rebuilt(self.manifest, {name: widened(array) for name, array in self.arrays.items()})


def learned_from_table(table: pa.Table, seed: int, types: Mapping[str, str] | None) -> Learned:
    """Learn to correct a table, from all its rows."""
    return Learned.of(TableCorrector.fit(table, seed, types))


def learned_from_images(ranker: Ranker, load: Load, trained: NDArray[np.int64], aside: NDArray[np.int64]) -> Learned:
    """Learn to correct images, from some that the network was trained on and some that it has not seen."""
    cells = load(trained[:1]).values.size
    some = [load(rows[: few_enough(len(rows), cells)]) for rows in (trained, aside)]
    return Learned.of(ImageCorrector.fit(expecting(ranker), *some))


def expecting(ranker: Ranker) -> Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[np.float64]]:
    """What the autoencoder expects of prepared images."""
    dtype = next(ranker.autoencoder.parameters()).detach().cpu().numpy().dtype

    def expect(values: NDArray[Any], observed: NDArray[np.bool_]) -> NDArray[np.float64]:
        if not len(values):
            return values
        features = Features(values.astype(dtype), None if observed.all() else observed)
        encoded = ranker.encode(features.__getitem__, len(features), frozenset({"reconstructions"}))
        return np.asarray(encoded.reconstructions, np.float64).reshape(values.shape)

    return expect


def corrected_table(
    model: "Model", corrector: TableCorrector, table: pa.Table, ids: Sequence[str], constraints: Constraints
) -> Correction:
    """Correct the rows of a table."""
    prepared = list(prepared_runs(model.preparation, table))
    prints = np.concatenate([np.empty(0, np.uint64), *map(fingerprints, prepared)])
    before = np.concatenate([np.empty(0), *map(model.ranker.scores, prepared)])
    mask, probability, repaired = corrector.correct(table, constraints)
    after, rows = before.copy(), np.flatnonzero(mask.any(axis=1))
    for start in range(0, len(rows), SAMPLES_AT_A_TIME["table"]):
        some = rows[start : start + SAMPLES_AT_A_TIME["table"]]
        after[some] = model.ranker.scores(model.preparation.encode(take(repaired, some)), prints[some])
    changes = [
        Change(
            row=row,
            id=ids[row],
            column=table.column_names[column],
            old=table[column][row].as_py(),
            new=repaired[column][row].as_py(),
            probability=float(probability[row, column]),
            score_before=float(before[row]),
            score_after=float(after[row]),
        )
        for row, column in np.argwhere(mask).tolist()
    ]
    return Correction(repaired, mask, probability, before, after, changes)


def corrected_images(
    model: "Model", corrector: ImageCorrector, images: NDArray[Any], constraints: Constraints
) -> Correction:
    """Correct images (n, height, width, bands)."""
    bands = [block.name for block in model.preparation.blocks]
    features = list(prepared_runs(model.preparation, images))
    constraints.check(bands, images.shape)
    prints = [fingerprints(run) for run in features]
    before = np.concatenate([np.empty(0), *map(model.ranker.scores, features, prints)])
    new, probability = images.copy(), np.zeros(images.shape)
    start = 0
    for run in features:
        rows = slice(start, start + len(run))
        known = constraints.rows(rows.start, rows.stop)
        new[rows], probability[rows] = restored(model, corrector, images[rows], run, known)
        start = rows.stop
    wanted = np.where(differs(new, images) & constraints.may_change(bands), probability, 0)
    mask = most_probable(wanted.reshape(len(images), prod(images.shape[1:])), constraints.max_changes)
    mask = mask.reshape(images.shape)
    new = np.where(mask, new, images)
    after = rescored(model, new, mask, before, np.concatenate([np.empty(0, np.uint64), *prints]))
    return Correction(new, mask, probability, before, after)


def restored(
    model: "Model", corrector: ImageCorrector, images: NDArray[Any], features: Features, constraints: Constraints
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Images with new values, in their own dtype, and the probability of each cell to be wrong."""
    shape = features.values.shape
    known = (
        np.zeros(shape, bool) if mask is None else np.moveaxis(mask, -1, 1)
        for mask in (constraints.wrong, constraints.trusted)
    )
    found = corrector.restore(features, expecting(model.ranker), *known)
    low, high = (limit[:, None, None] for limit in model.limits)
    native = copy(model.preparation)
    native.dtype = images.dtype  # type: ignore[attr-defined]
    new = native.decode(np.clip(found.values, low, high))
    unmeasured = native.encode(new).observed  # a new value must not be the one that means no measurement
    mask = found.mask if unmeasured is None else found.mask & unmeasured
    return np.where(np.moveaxis(mask, 1, -1), new, images), np.moveaxis(found.probability, 1, -1)


def rescored(
    model: "Model", new: NDArray[Any], mask: NDArray[np.bool_], before: NDArray[np.float64], prints: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """Scores of the changed images, measured against the same training samples as before."""
    after, rows = before.copy(), np.flatnonzero(mask.any(axis=(1, 2, 3)))
    for start in range(0, len(rows), SAMPLES_AT_A_TIME["images"]):
        some = rows[start : start + SAMPLES_AT_A_TIME["images"]]
        after[some] = model.ranker.scores(model.preparation.encode(new[some]), prints[some])
    return after


def differs(new: NDArray[Any], old: NDArray[Any]) -> NDArray[np.bool_]:
    """Which cells are not the same, NaN being the same as NaN."""
    return np.asarray((new != old) & ~((new != new) & (old != old)))


def narrowed(array: NDArray[Any]) -> NDArray[Any]:
    """Float64 in half the room, where nothing is lost."""
    if array.dtype != np.float64:
        return array
    with np.errstate(over="ignore"):
        half = array.astype(np.float32)
    return half if np.array_equal(half, array, equal_nan=True) else array


def widened(array: NDArray[Any]) -> NDArray[Any]:
    """Undo `narrowed`."""
    return array.astype(np.float64) if array.dtype == np.float32 else array
