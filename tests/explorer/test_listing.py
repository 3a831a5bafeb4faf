from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.errors import SettingError
from poleward.explorer.listing import COMPARISONS, Condition, Query, select

COLUMNS = {
    "score": np.array([1.0, 3.0, 2.0, np.nan]),
    "label": np.array(["b", "", "A", "b"], dtype=object),
}


@pytest.mark.parametrize(
    ("sort", "descending", "rows"),
    [
        ("score", True, [1, 2, 0, 3]),
        ("score", False, [0, 2, 1, 3]),
        ("label", False, [2, 0, 3, 1]),
        ("label", True, [0, 3, 2, 1]),
    ],
)
def test_missing_cells_come_last_in_either_direction(sort, descending, rows):
    assert select(COLUMNS, Query(sort, descending)).tolist() == rows


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (("score", ">=", "2"), [1, 2]),
        (("score", "<", "2"), [0]),
        (("score", "=", "3"), [1]),
        (("score", "=", ""), [3]),
        (("score", "!=", ""), [0, 1, 2]),
        (("label", "=", "a"), [2]),
        (("label", "!=", "B"), [1, 2]),
        (("label", "=", ""), [1]),
        (("label", "contains", "B"), [0, 3]),
        (("label", ">", "a"), [0, 3]),
    ],
)
def test_a_condition_chooses(condition, rows):
    assert sorted(select(COLUMNS, Query(conditions=(Condition(*condition),))).tolist()) == rows


def test_all_conditions_are_met():
    query = Query(conditions=(Condition("score", "<", "3"), Condition("label", "=", "b")))
    assert select(COLUMNS, query).tolist() == [0]


@given(st.lists(st.floats(allow_infinity=True), min_size=1), st.booleans())
def test_an_order_is_sorted_whole_and_stable(cells, descending):
    values = np.array(cells)
    rows = select({"score": values}, Query("score", descending))
    assert sorted(rows.tolist()) == list(range(len(cells)))
    known = rows[~np.isnan(values[rows])]
    turned = -values[known] if descending else values[known]
    for one, next_one in pairwise(known):
        assert values[one] != values[next_one] or one < next_one
    assert (turned[:-1] <= turned[1:]).all()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query(sort="colour"), "no column 'colour'; known are score, label"),
        (Query(conditions=(Condition("colour", "=", "1"),)), "no column 'colour'"),
        (Query(conditions=(Condition("score", "~", "1"),)), "comparison '~' is unknown"),
        (Query(conditions=(Condition("score", "contains", "1"),)), "'contains' is for texts"),
        (Query(conditions=(Condition("score", ">", "many"),)), "holds numbers, which 'many' is not"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(query, said):
    with pytest.raises(SettingError, match=said):
        select(COLUMNS, query)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_no_sample_is_no_fault(comparison):
    empty = {"score": np.empty(0), "label": np.empty(0, object)}
    assert len(select(empty, Query(conditions=(Condition("label", comparison, "x"),)))) == 0
