"""What is answered, in plain JSON values, and what OpenAPI says of it."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from poleward.data.explanations import by_name, most_moved
from poleward.records import Correction, Explanation, Ranking


class Scored(BaseModel):
    """One sample; the columns of `poleward score`."""

    id: str = Field(description="Its name: the id column's, a file's name, or its number from 0.")
    score: float | None = Field(description="Higher is more anomalous; null where it is infinite.")
    p_value: float = Field(description="Split-conformal.")
    is_anomaly: bool = Field(description="The score is above the model's threshold.")
    in_training: bool = Field(description="Its content was part of the data given to fit.")


class Scores(BaseModel):
    """Samples in the order of the request."""

    samples: list[Scored]


class Recognised(Scored):
    """One sample of a model with classes."""

    label: str = Field(alias="class", description="The likeliest class.")
    confidence: float = Field(description="The probability of that class if the sample is of any.")


class RecognisedScores(BaseModel):
    """Samples in the order of the request."""

    samples: list[Recognised]


class Neighbour(BaseModel):
    """A training sample: its row, from 0, in the data given to fit, and its distance."""

    row: int
    distance: float | None


class Angle(BaseModel):
    """An angle of the code: its number from 1, its cosine, and how many standard deviations it moved."""

    angle: int
    cosine: float | None
    moved: float | None


class Explained(BaseModel):
    """Why one sample has its score."""

    id: str
    score: float | None
    contributions: dict[str, float | None] = Field(description="Of each column or band; they sum to the score.")
    nearest: list[Neighbour]
    angles: list[Angle] = Field(description="Those that moved most.")


class Explanations(BaseModel):
    """Samples in the order of the request."""

    samples: list[Explained]


class Changed(BaseModel):
    """One cell that is believed wrong."""

    row: int
    id: str
    column: str
    old: Any
    new: Any
    probability: float = Field(description="That the old value is wrong.")
    score_before: float | None
    score_after: float | None


class Corrected(BaseModel):
    """A table with its wrong cells repaired, and what was changed."""

    rows: list[dict[str, Any]]
    changes: list[Changed]


class Health(BaseModel):
    """What is being served."""

    status: str
    version: str
    kind: str
    scorer: str
    threshold: float
    corrects: bool
    classes: list[str] | None = Field(description="Those that it tells apart; null where it was fitted without labels.")
    data_fingerprint: str


class Fault(BaseModel):
    """What went wrong, in one sentence."""

    error: str


def scores(ranking: Ranking) -> dict[str, Any]:
    """`Scores`, or `RecognisedScores` of a ranking with classes."""
    arrays = {name: column for name, column in vars(ranking).items() if isinstance(column, np.ndarray)}
    columns = {"id": list(ranking.id)} | {name: plain(array) for name, array in arrays.items()}
    if ranking.label is not None:
        columns["class"] = list(ranking.label)
    return {"samples": _objects(**columns)}


def explanations(ids: Sequence[str], explanation: Explanation) -> dict[str, Any]:
    """`Explanations`."""
    parts = {name: plain(values) for name, values in by_name(explanation).items()}
    nearest, distances = explanation.nearest.tolist(), plain(explanation.distances)
    most = most_moved(explanation)
    cosines, moved = (plain(np.take_along_axis(of, most, 1)) for of in (explanation.cosines, explanation.moved))
    return {
        "samples": [
            {
                "id": name,
                "score": score,
                "contributions": {part: values[row] for part, values in parts.items()},
                "nearest": _objects(row=nearest[row], distance=distances[row]),
                "angles": _objects(angle=(most[row] + 1).tolist(), cosine=cosines[row], moved=moved[row]),
            }
            for row, (name, score) in enumerate(zip(ids, plain(explanation.score), strict=True))
        ]
    }


def corrected(correction: Correction) -> dict[str, Any]:
    """`Corrected`."""
    table: pa.Table = correction.data
    return {
        "rows": [{name: plain_value(value) for name, value in row.items()} for row in table.to_pylist()],
        "changes": [
            {name: plain_value(value) for name, value in vars(change).items()} for change in correction.changes
        ],
    }


def plain(array: NDArray[Any]) -> list[Any]:
    """Numbers as JSON values, bit for bit; null for one that is not finite.

    >>> plain(np.array([[0.1, np.inf]]))
    [[0.1, None]]
    """
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return list(array.tolist())
    return list(np.where(np.isfinite(array), array.astype(object), np.array(None)).tolist())


def plain_value(value: Any) -> Any:
    """A cell as a JSON value: dates and decimals as text.

    >>> from datetime import date
    >>> plain_value(date(2024, 5, 1)), plain_value(float("nan")), plain_value(2)
    ('2024-05-01', None, 2)
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def written(content: Mapping[str, Any]) -> bytes:
    """JSON; ValueError for a number that JSON has not."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def _objects(**columns: Sequence[Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
