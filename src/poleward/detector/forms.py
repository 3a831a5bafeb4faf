"""A corrected table in the form that the caller's came in: array, pandas, polars or Arrow."""

from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool


def like(X: Any, repaired: pa.Table, mask: Bool[np.ndarray, "n columns"]) -> Any:
    """A copy of X with new values in the cells of the mask; every other cell is the very same value.

    repaired : the columns of X, in the same order, by whatever names

    >>> like([[1, 2], [3, 4]], pa.table({"a": [1, 3], "b": [2, 5]}), np.array([[False, False], [False, True]])).tolist()
    [[1, 2], [3, 5]]
    """
    columns = np.flatnonzero(mask.any(axis=0)).tolist()
    if hasattr(X, "iloc"):
        return of_pandas(X, repaired, mask, columns)
    if hasattr(X, "with_columns"):
        series = (type(X[:, at])(X.columns[at], repaired[at]).cast(X[:, at].dtype) for at in columns)
        return X.with_columns(list(series))
    if hasattr(X, "__arrow_c_stream__"):
        return repaired.rename_columns(pa.table(X).column_names)
    out = np.array(X.detach().cpu().numpy() if hasattr(X, "detach") else X)
    for at in columns:
        rows = np.flatnonzero(mask[:, at])
        new = repaired[at].take(pa.array(rows)).to_numpy()
        out[rows, at] = np.rint(new) if out.dtype.kind in "iu" else new
    return out


def of_pandas(X: Any, repaired: pa.Table, mask: Bool[np.ndarray, "n columns"], columns: list[int]) -> Any:
    """A copy of the data frame, its index and dtypes as they were."""
    out = X.copy()
    for at in columns:
        rows = np.flatnonzero(mask[:, at])
        column = X.iloc[:, at].copy()
        column.iloc[rows] = [repaired[at][row].as_py() for row in rows.tolist()]
        out.isetitem(at, column)
    return out
