"""Which samples are shown, and in which order."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.data.reading import listed
from poleward.errors import SettingError
from poleward.explorer.columns import Columns

COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
COMPARISONS = (*COMPARE, "contains")


@dataclass(frozen=True)
class Condition:
    """One filter.

    column : a number column compares numbers, a text column texts, without regard to case
    comparison : one of ``COMPARISONS``
    value : as typed; "" stands for a missing cell
    """

    column: str
    comparison: str
    value: str


@dataclass(frozen=True)
class Query:
    """What to show: all samples that meet every condition, in the order of a column.

    A missing cell comes last in either direction; samples with equal cells stay in the order of the source.
    """

    sort: str = "score"
    descending: bool = True
    conditions: tuple[Condition, ...] = ()


def select(columns: Columns, query: Query) -> NDArray[np.intp]:
    """Rows of the samples to show, in order.

    >>> select({"score": np.array([1.0, 3.0, 2.0])}, Query(conditions=(Condition("score", "<", "3"),))).tolist()
    [2, 0]
    """
    _require(query.sort, columns)
    chosen = np.ones(len(columns[query.sort]), bool)
    for condition in query.conditions:
        chosen &= _meets(columns, condition)
    rows = np.flatnonzero(chosen)
    return rows[_order(columns[query.sort][rows], query.descending)]


def _order(cells: NDArray[Any], descending: bool) -> NDArray[np.intp]:
    if cells.dtype == object:
        names, cells = np.unique(cells.astype(str), return_inverse=True)
        missing = cells == (0 if len(names) and names[0] == "" else -1)
    else:
        missing = np.isnan(cells)
    keys = np.where(missing, 0, -cells if descending else cells)
    return np.lexsort((keys, missing))


def _meets(columns: Columns, condition: Condition) -> NDArray[np.bool_]:
    _require(condition.column, columns)
    if condition.comparison not in COMPARISONS:
        raise SettingError(f"comparison {condition.comparison!r} is unknown; choose one of {', '.join(COMPARISONS)}")
    cells = columns[condition.column]
    return (_texts_meet if cells.dtype == object else _numbers_meet)(cells, condition)


def _texts_meet(cells: NDArray[Any], condition: Condition) -> NDArray[np.bool_]:
    value = condition.value.casefold()
    compare = (lambda text, part: part in text) if condition.comparison == "contains" else COMPARE[condition.comparison]
    return np.fromiter((compare(text.casefold(), value) for text in cells), dtype=bool, count=len(cells))


def _numbers_meet(cells: NDArray[Any], condition: Condition) -> NDArray[np.bool_]:
    if condition.comparison == "contains":
        raise SettingError(f"column {condition.column!r} holds numbers; 'contains' is for texts")
    compare = COMPARE[condition.comparison]
    if condition.value == "":
        return np.asarray(compare(np.isnan(cells), True), dtype=bool)
    try:
        return np.asarray(compare(cells, float(condition.value)), dtype=bool)
    except ValueError:
        raise SettingError(f"column {condition.column!r} holds numbers, which {condition.value!r} is not") from None


def _require(name: str, columns: Columns) -> None:
    if name not in columns:
        raise SettingError(f"there is no column {name!r}; known are {listed(list(columns))}")
