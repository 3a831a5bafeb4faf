"""The samples of a source that a report shows, with what the model expected in their place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.detector.explanation import angle_cosines, explain
from poleward.detector.model import Model
from poleward.detector.rows import take
from poleward.records import Block, CellEvidence, Example, LatentPoints, Ranking

POINTS = 50_000
"""Codes kept for a picture: as many as it can turn smoothly."""

TOLD = ("score", "p_value", "is_anomaly", "in_training")
"""What is kept of every sample's line in the ranking, beside its id."""

ANGLES_SHOWN = 3


class Gallery:
    """Keeps all scores, but the data and codes of few samples, so that memory hardly grows with a source.

    Parameters
    ----------
    model : the fitted model
    n_worst, n_typical : how many of the most anomalous and of the ordinary samples to keep
    n_points : codes of at most so many are kept, a fair draw where there are more
    """

    def __init__(self, model: Model, n_worst: int, n_typical: int, n_points: int = POINTS) -> None:
        self.model = model
        self.n_worst = n_worst
        self.n_typical = n_typical
        self.n_points = n_points
        self.ids: list[str] = []
        self._told: dict[str, list[Any]] = {name: [] for name in TOLD}
        self._worst: list[tuple[int, Any]] = []
        self._typical: list[tuple[int, Any]] = []
        self._usual = float(np.median(model.conformal.scores))
        self._draw = np.random.default_rng(0)
        self._lots = np.empty(0)
        self._rows = np.empty(0, np.int64)
        self._codes: NDArray[np.floating[Any]] = np.empty((0, model.ranker.network.n_latent), np.float32)

    @property
    def scores(self) -> NDArray[np.float64]:
        """Scores of all samples met, in their order."""
        return np.array(self._told["score"], np.float64)

    def add(self, data: Any, ranking: Ranking) -> None:
        """Go through some more raw samples and their ranking."""
        start = len(self.ids)
        self.ids += list(ranking.id)
        for name, told in self._told.items():
            told += getattr(ranking, name).tolist()
        score = self._told["score"]
        order = np.argsort(-ranking.score, kind="stable")[: self.n_worst]
        self._worst = _first(self._worst + _with_data(data, order, start), self.n_worst, lambda row: -score[row])
        near = np.argsort(np.abs(ranking.score - self._usual), kind="stable")[: self.n_typical]
        self._typical = _first(
            self._typical + _with_data(data, near, start), self.n_typical, lambda row: abs(score[row] - self._usual)
        )
        self._add_codes(data, start)

    def worst(self, labels: NDArray[np.bool_] | None = None) -> list[Example]:
        """The most anomalous samples, worst first; labels (n,) say which of all samples met are anomalous."""
        return self._examples(self._worst, labels)

    def typical(self, labels: NDArray[np.bool_] | None = None) -> list[Example]:
        """Samples whose score is near the median of the calibration samples."""
        return self._examples(self._typical, labels)

    def points(self, labels: NDArray[np.bool_] | None = None) -> LatentPoints:
        """Codes of all samples met, or of a fair draw of them, in the order of the source."""
        order = np.argsort(self._rows)
        rows, codes = self._rows[order], self._codes[order]
        flagged = np.array(self._told["is_anomaly"], bool)[rows]
        classes = {"decision": np.where(flagged, "anomaly", "normal").tolist()}
        if labels is not None:
            classes["label"] = [_word(labels, row) for row in rows.tolist()]
        return LatentPoints(
            [self.ids[row] for row in rows],
            codes,
            angle_cosines(self.model, codes),
            self.scores[rows],
            classes,
            len(self.ids),
        )

    def _add_codes(self, data: Any, start: int) -> None:
        """Every sample draws a lot, and those with the lowest stay."""
        lots = self._draw.random(len(data))
        bar = self._lots.max(initial=0.0) if len(self._lots) >= self.n_points else 1.0
        new = np.flatnonzero(lots < bar)
        if not len(new):
            return
        codes = np.concatenate([self._codes, self.model.codes(take(data, new)).astype(np.float32)])
        lots = np.concatenate([self._lots, lots[new]])
        rows = np.concatenate([self._rows, start + new])
        kept = np.argsort(lots, kind="stable")[: self.n_points]
        self._lots, self._rows, self._codes = lots[kept], rows[kept], codes[kept]

    def _examples(self, kept: Sequence[tuple[int, Any]], labels: NDArray[np.bool_] | None) -> list[Example]:
        if not kept:
            return []
        parts = [data for _, data in kept]
        raw = pa.concat_tables(parts) if isinstance(parts[0], pa.Table) else np.concatenate(parts)
        ranks = np.empty(len(self.ids), int)
        ranks[np.argsort(-self.scores, kind="stable")] = np.arange(1, len(self.ids) + 1)
        return [
            Example(
                id=self.ids[row],
                rank=int(ranks[row]),
                label=None if labels is None else _word(labels, row),
                **{name: told[row] for name, told in self._told.items()},
                **shown,
            )
            for (row, _), shown in zip(kept, explained_evidence(self.model, raw), strict=True)
        ]


def explained_evidence(model: Model, raw: Any) -> list[dict[str, Any]]:
    """What an example shows of each of the raw samples, with its explanation."""
    found = explain(model, raw)
    if model.kind == "images":
        shown = image_evidence(model, raw)
        for evidence, parts in zip(shown, found.contributions, strict=True):
            evidence["contributions"] = parts.sum(axis=2)
    else:
        shown = row_evidence(model, raw)
        for evidence, parts in zip(shown, found.contributions, strict=True):
            evidence["cells"] = _explained(evidence["cells"], dict(zip(found.columns, parts, strict=True)))
    for row, evidence in enumerate(shown):
        evidence["nearest"] = tuple(zip(found.nearest[row].tolist(), found.distances[row].tolist(), strict=True))
        most = np.argsort(-np.abs(found.moved[row]), kind="stable")[:ANGLES_SHOWN]
        evidence["moved"] = tuple((int(k) + 1, float(found.cosines[row, k]), float(found.moved[row, k])) for k in most)
    return shown


def _explained(cells: Sequence[CellEvidence], contributions: Mapping[str, float]) -> tuple[CellEvidence, ...]:
    """The cells with what they contribute, the highest contribution first."""
    told = [replace(cell, contribution=float(contributions[cell.column])) for cell in cells]
    return tuple(sorted(told, key=lambda cell: -cell.contribution))


def image_evidence(model: Model, images: NDArray[Any]) -> list[dict[str, Any]]:
    """Image, reconstruction and residual of each of the images (n, height, width, bands)."""
    features, expected = model.reconstructions(images)
    error = np.square(expected.astype(np.float64) - features.values)
    if features.observed is not None:
        error *= features.observed
    residuals = np.sqrt(error.mean(axis=1))
    decoded = model.restore(expected)
    return [
        {"image": image, "reconstruction": reconstruction, "residual": residual}
        for image, reconstruction, residual in zip(images, decoded, residuals, strict=True)
    ]


def row_evidence(model: Model, rows: pa.Table) -> list[dict[str, Any]]:
    """The cells of each row with their part of its squared reconstruction error, worst first."""
    features, expected = model.reconstructions(rows)
    error = np.square(expected - features.values)
    if features.observed is not None:
        error = error * features.observed
    blocks = model.preparation.blocks
    shares = np.stack([error[:, block.start : block.start + block.width].sum(axis=1) for block in blocks], axis=1)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    decoded = model.restore(expected)
    return [{"cells": _cells(rows, decoded, blocks, shares[row], row)} for row in range(rows.num_rows)]


def _cells(
    rows: pa.Table, decoded: pa.Table, blocks: Sequence[Block], shares: NDArray[np.floating[Any]], row: int
) -> tuple[CellEvidence, ...]:
    return tuple(
        CellEvidence(
            blocks[i].name, _text(rows[blocks[i].name][row]), _text(decoded[blocks[i].name][row]), float(shares[i])
        )
        for i in np.argsort(-shares, kind="stable")
    )


def _text(cell: Any) -> str:
    """A cell as a person reads it: six digits of a decimal number, be it a number or the text of one."""
    value = cell.as_py()
    if value is None:
        return "(missing)"
    if isinstance(value, str) and "." in value:
        try:
            value = float(value)
        except ValueError:
            return value
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _with_data(data: Any, rows: NDArray[np.int64], start: int) -> list[tuple[int, Any]]:
    return [(start + int(row), take(data, np.array([row]))) for row in rows]


def _first(kept: list[tuple[int, Any]], n: int, key: Callable[[int], float]) -> list[tuple[int, Any]]:
    return sorted(kept, key=lambda pair: key(pair[0]))[:n]


def _word(labels: NDArray[np.bool_], row: int) -> str:
    return "anomaly" if bool(labels[row]) else "normal"
