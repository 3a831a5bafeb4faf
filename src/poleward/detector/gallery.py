"""The samples of a source that a report shows, with what the model expected in their place."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.detector.model import Model
from poleward.detector.rows import take
from poleward.records import Block, CellEvidence, Example, Ranking


class Gallery:
    """Keeps all scores, but the data of few samples, so that memory does not grow with the images of a source.

    Parameters
    ----------
    model : the fitted model
    n_worst, n_typical : how many of the most anomalous and of the middling samples to keep
    """

    def __init__(self, model: Model, n_worst: int, n_typical: int) -> None:
        self.model = model
        self.n_worst = n_worst
        self.n_typical = n_typical
        self.ids: list[str] = []
        self._rankings: list[Ranking] = []
        self._worst: list[tuple[int, Any]] = []
        self._typical: list[tuple[int, Any]] = []

    @property
    def scores(self) -> NDArray[np.float64]:
        """Scores of all samples met, in their order."""
        return np.concatenate([np.empty(0), *(ranking.score for ranking in self._rankings)])

    def add(self, data: Any, ranking: Ranking) -> None:
        """Go through some more raw samples and their ranking."""
        start = len(self.ids)
        self.ids += list(ranking.id)
        self._rankings.append(ranking)
        order = np.argsort(-ranking.score, kind="stable")
        self._worst += _with_data(data, order[: self.n_worst], start)
        self._typical += _with_data(data, order[len(order) // 2 :][: self.n_typical], start)
        scores = self.scores
        self._worst = sorted(self._worst, key=lambda kept: -scores[kept[0]])[: self.n_worst]
        middle = float(np.median(scores))
        self._typical = sorted(self._typical, key=lambda kept: abs(scores[kept[0]] - middle))[: self.n_typical]

    def worst(self, labels: NDArray[np.bool_] | None = None) -> list[Example]:
        """The most anomalous samples, worst first; labels (n,) say which of all samples met are anomalous."""
        return self._examples(self._worst, labels)

    def typical(self, labels: NDArray[np.bool_] | None = None) -> list[Example]:
        """Samples whose score is near the median."""
        return self._examples(self._typical, labels)

    def _examples(self, kept: Sequence[tuple[int, Any]], labels: NDArray[np.bool_] | None) -> list[Example]:
        if not kept:
            return []
        parts = [data for _, data in kept]
        raw = pa.concat_tables(parts) if isinstance(parts[0], pa.Table) else np.concatenate(parts)
        evidence = image_evidence(self.model, raw) if self.model.kind == "images" else row_evidence(self.model, raw)
        ranks = np.empty(len(self.ids), int)
        ranks[np.argsort(-self.scores, kind="stable")] = np.arange(1, len(self.ids) + 1)
        return [
            Example(
                id=self.ids[row],
                rank=int(ranks[row]),
                score=float(self._value("score", row)),
                p_value=float(self._value("p_value", row)),
                is_anomaly=bool(self._value("is_anomaly", row)),
                in_training=bool(self._value("in_training", row)),
                label=None if labels is None else ("anomaly" if labels[row] else "normal"),
                **shown,
            )
            for (row, _), shown in zip(kept, evidence, strict=True)
        ]

    def _value(self, field: str, row: int) -> Any:
        return np.concatenate([getattr(ranking, field) for ranking in self._rankings])[row]


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
