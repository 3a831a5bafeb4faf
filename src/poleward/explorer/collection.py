"""The samples of a source as the page needs them: all ranked and encoded once, one read again when it is looked at."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.folder import FolderPictures
from poleward.data.reading import Chunk, Pictures, Reading
from poleward.data.selection import Selection, picks
from poleward.data.source import ImageReader, RowReader, open_reader
from poleward.detector.gallery import image_evidence, row_evidence
from poleward.detector.model import Model
from poleward.errors import SourceError
from poleward.explorer.columns import plain_columns
from poleward.records import Correction, Ranking

Floats = NDArray[np.floating[Any]]

SAMPLES_KEPT = 64
"""Samples whose reconstruction is kept: the page asks for several pictures of one."""

WORST, RESIDUAL_PERCENTILE = 32, 99.5
"""How many of the most anomalous samples set the scale of the heat maps, and which of their residuals is its end."""


@dataclass(frozen=True)
class Collection:
    """n ranked samples.

    kind : "images" or "table"
    title : what the source is called
    codes : (n, k) where the samples lie in the latent space: what neighbours are sought and relevance is learned in
    columns : name -> (n,), what is known of the samples besides
    image : gives the image (height, width, bands) of a row; None for a table
    evidence : gives image, reconstruction and residual of a row, or its cells, worst first (see ``Example``)
    correction : gives a row with its wrong cells repaired, and what was done
    repairs : whether the model has learned to correct; else ``correction`` says that it has not
    residual_top : residual that takes the last colour of every heat map
    """

    kind: str
    title: str
    ranking: Ranking
    codes: Floats
    columns: Mapping[str, NDArray[Any]]
    image: Callable[[int], NDArray[Any]] | None
    evidence: Callable[[int], Mapping[str, Any]]
    correction: Callable[[int], Correction]
    repairs: bool = True
    residual_top: float = 1.0

    def __len__(self) -> int:
        return len(self.ranking.id)


def gather(
    model: Model,
    title: str,
    parts: Iterable[tuple[Any, Ranking]],
    path: Path,
    selection: Selection,
    reading: Reading,
) -> Collection:
    """Go once through raw samples and their rankings, and find them and their columns again in the source.

    parts : (raw samples, their ranking), in the order of the source
    """
    rankings, codes, rows = [], [], []
    for data, ranking in parts:
        rankings.append(ranking)
        codes.append(model.codes(data))
        if model.kind == "table":
            rows.append(data)
    ranking = joined_rankings(rankings)
    found = find_again(open_reader(path, selection, reading), selection, path, ranking.id)
    table = pa.concat_tables(rows) if rows else pa.table({})
    image = _image(found) if model.kind == "images" else None
    look = Look(model, (lambda row: table.slice(row, 1)) if image is None else lambda row: image(row)[None])
    return Collection(
        kind=model.kind,
        title=title,
        ranking=ranking,
        codes=np.concatenate(codes),
        columns=plain_columns(found.columns),
        image=image,
        evidence=look.evidence,
        correction=look.correction,
        repairs=model.corrector is not None,
        residual_top=1.0 if image is None else _residual_top(look.evidence, ranking),
    )


def joined_rankings(parts: Sequence[Ranking]) -> Ranking:
    """One ranking of all parts, in their order."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("score", "p_value", "is_anomaly", "in_training")
    }
    return Ranking(id=[name for part in parts for name in part.id], **arrays)


@dataclass(frozen=True)
class Found:
    """Ranked samples in their source again.

    places : (chunk, position in it) of each
    columns : what the source knows of them, one row each
    """

    places: Sequence[tuple[Chunk, int]]
    columns: pa.Table


def find_again(reader: ImageReader | RowReader, selection: Selection, path: Path, ids: Sequence[str]) -> Found:
    """Where each ranked sample lies; a damaged image was left out of the ranking and is passed over.

    Errors
    ------
    SourceError when the source does not hold the samples any more.
    """
    places: list[tuple[Chunk, int]] = []
    tables = []
    for chunk, positions in picks(selection, reader.chunks(), path):
        kept = []
        for position in positions.tolist():
            if len(places) < len(ids) and chunk.ids[position] == ids[len(places)]:
                places.append((chunk, position))
                kept.append(position)
        tables.append(_about(reader, chunk, selection).take(pa.array(kept, pa.int64())))
    if len(places) < len(ids):
        raise SourceError(f"{path}: has changed while it was read; start again")
    return Found(places, pa.concat_tables(tables))


def _about(reader: ImageReader | RowReader, chunk: Chunk, selection: Selection) -> pa.Table:
    if not isinstance(reader, FolderPictures):
        return chunk.columns
    try:
        return reader.about(chunk.ids)
    except SourceError:
        if selection.catalogue is not None or selection.where:
            raise
        return pa.table({})  # a table that lies beside the images by chance is no reason not to look at them


def _image(found: Found) -> Callable[[int], NDArray[Any]]:
    def image(row: int) -> NDArray[Any]:
        chunk, position = found.places[row]
        return cast(Pictures, chunk).picture(position)

    return image


class Look:
    """What a model says of single samples, one at a time.

    sample : gives the raw sample of a row, in a batch of its own
    """

    def __init__(self, model: Model, sample: Callable[[int], Any]) -> None:
        self.model = model
        self.sample = sample
        self._lock = threading.Lock()
        self.evidence = lru_cache(SAMPLES_KEPT)(self._evidence)
        self.correction = lru_cache(SAMPLES_KEPT)(self._correction)

    def _evidence(self, row: int) -> Mapping[str, Any]:
        with self._lock:
            look = image_evidence if self.model.kind == "images" else row_evidence
            return look(self.model, self.sample(row))[0]

    def _correction(self, row: int) -> Correction:
        with self._lock:
            return self.model.correct(self.sample(row), [str(row)])


def _residual_top(evidence: Callable[[int], Any], ranking: Ranking) -> float:
    """Nearly the largest residual of the most anomalous samples."""
    worst = np.argsort(-ranking.score, kind="stable")[:WORST]
    pooled = np.concatenate([np.ravel(evidence(row)["residual"]) for row in worst.tolist()])
    return float(np.percentile(pooled[np.isfinite(pooled)], RESIDUAL_PERCENTILE)) or 1.0
