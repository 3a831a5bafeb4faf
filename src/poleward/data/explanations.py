"""Explanations on disk: a line per sample in .csv or .parquet, or everything in the arrays of an .npz."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.writing import write_arrays, write_samples
from poleward.errors import SettingError
from poleward.records import Explanation

ENDINGS = (".csv", ".parquet", ".npz")
ANGLES_TOLD = 3
"""Of the angles, those that moved most stand in a line."""


def require_form(path: Path) -> None:
    """SettingError for a file whose ending is none of those that explanations are written to."""
    if path.suffix.lower() not in ENDINGS:
        raise SettingError(f"{path}: explanations are written to {', '.join(ENDINGS)}")


def write_explanation(path: Path, ids: Sequence[str], explanation: Explanation) -> None:
    """Write what is known of samples (n,), whole or not at all, in the form that the path's ending says.

    A line of a .csv or .parquet has the sample's id, score, nearest training samples, the angles that moved most, and
    the contribution of each column, or of each band of an image. An .npz has all of `Explanation`, and ``id``.

    Errors
    ------
    SettingError for another ending; OutputError where writing is not possible.
    """
    require_form(path)
    if path.suffix.lower() == ".npz":
        columns = np.array(explanation.columns, str)
        write_arrays(path, {"id": np.array(ids, str), "columns": columns} | _arrays(explanation))
    else:
        write_samples(path, lines(ids, explanation))


def joined(parts: Sequence[Explanation]) -> Explanation:
    """Explanations of some samples after each other, at least one."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _arrays(parts[0])
    }
    return Explanation(columns=parts[0].columns, **arrays)


def lines(ids: Sequence[str], explanation: Explanation) -> pa.Table:
    """A row for each sample, see `write_explanation`.

    explanation : of rows, or of images (n, height, width, bands)
    """
    first = {"id": pa.array(ids, pa.string()), "score": explanation.score}
    contributions = {f"contribution of {name}": parts for name, parts in by_name(explanation).items()}
    return pa.table(first | dict(_numbered(explanation)) | contributions)


def by_name(explanation: Explanation) -> dict[str, NDArray[np.float64]]:
    """The contributions (n,) of each column, or of each band of images (n, height, width, bands)."""
    if explanation.columns:
        return dict(zip(explanation.columns, explanation.contributions.T, strict=True))
    bands = explanation.contributions.sum(axis=(1, 2)).T
    return {f"band {number}": band for number, band in enumerate(bands, start=1)}


def most_moved(explanation: Explanation) -> NDArray[np.int64]:
    """Positions (n, 3 or fewer) of the angles that moved most, the farthest first."""
    return np.argsort(-np.abs(explanation.moved), axis=1, kind="stable")[:, :ANGLES_TOLD]


def _numbered(explanation: Explanation) -> Iterator[tuple[str, NDArray[Any]]]:
    for number, (rows, distances) in enumerate(zip(explanation.nearest.T, explanation.distances.T, strict=True), 1):
        yield f"nearest_{number}", rows
        yield f"distance_{number}", distances
    most = most_moved(explanation)
    told = [most + 1, *(np.take_along_axis(found, most, 1) for found in (explanation.cosines, explanation.moved))]
    for number, (angle, cosine, moved) in enumerate(zip(*(array.T for array in told), strict=True), 1):
        yield f"angle_{number}", angle
        yield f"cosine_{number}", cosine
        yield f"moved_{number}", moved


def _arrays(explanation: Explanation) -> dict[str, NDArray[Any]]:
    return {name: array for name, array in vars(explanation).items() if name != "columns"}
