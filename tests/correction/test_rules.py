import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from poleward.correction.rules import parse_rules, read_rules
from poleward.errors import SettingError


def rules_of(tmp_path, text):
    (tmp_path / "rules.toml").write_text(text)
    return read_rules(tmp_path / "rules.toml")


PLACES = """
[[determines]]
by = ["city", "state"]
target = "zip"
"""
TOWNS = pa.table(
    {
        "city": ["a", "a", "a", "b", "b", "c", "a", None],
        "state": ["x", "x", "x", "x", "x", "x", "y", "x"],
        "zip": ["1", "1", "2", "3", "4", "5", "6", "7"],
    }
)


def test_a_row_that_differs_from_the_majority_of_its_like_breaks_a_determination(tmp_path):
    marked = rules_of(tmp_path, PLACES).violations(TOWNS)
    assert marked.shape == (8, 3)
    assert np.flatnonzero(marked.all(axis=1)).tolist() == [2, 3, 4]  # 3 and 4 contradict each other
    assert marked.sum() == 9


def test_a_determination_proposes_and_permits_the_majority(tmp_path):
    rules = rules_of(tmp_path, PLACES).fit(TOWNS)
    row = {"city": "a", "state": "x", "zip": "2"}
    assert rules.propose("zip", row) == "1"
    assert rules.permits("zip", "1", row)
    assert not rules.permits("zip", "9", row)
    assert not rules.permits("city", "a", {**row, "city": "q"})
    assert rules.permits("state", "y", {**row, "zip": "9"})  # seen once: nothing is known


@pytest.mark.parametrize("city", ["b", "c", "new", None, ""])
def test_where_no_majority_is_known_nothing_is_proposed_or_refused(tmp_path, city):
    rules = rules_of(tmp_path, PLACES).fit(TOWNS)
    row = {"city": city, "state": "x", "zip": "2"}
    assert rules.propose("zip", row) is None
    assert rules.permits("zip", "9", row)


def test_majorities_are_learned_over_all_pieces(tmp_path):
    rules = rules_of(tmp_path, PLACES)
    pieces = (TOWNS.slice(start, 1) for start in range(8))
    assert rules.fit(pieces) == rules.fit(TOWNS)
    assert rules.fit(TOWNS).violations(TOWNS.slice(2, 1)).all()


RANGES = """
[ranges]
age = [0, 120]
born = [1900-01-01, 2020-12-31]
share = [0.1, inf]
"""


@pytest.mark.parametrize(
    ("column", "value", "within"),
    [
        ("age", "0", True),
        ("age", " 120.0 ", True),
        ("age", 121, False),
        ("age", "-1", False),
        ("age", "12 oz", False),
        ("age", "NA", True),
        ("age", None, True),
        ("age", float("nan"), True),
        ("share", 0.1, True),
        ("share", "0.0999", False),
        ("share", "1e300", True),
        ("born", "1950-05-05", True),
        ("born", "2021-01-01", False),
        ("born", datetime.date(1899, 12, 31), False),
        ("born", datetime.datetime(2020, 12, 31, tzinfo=datetime.UTC), True),
        ("born", "05/05/1950", False),
    ],
)
def test_a_range_holds_both_of_its_ends(tmp_path, column, value, within):
    rules = rules_of(tmp_path, RANGES)
    assert rules.permits(column, value, {}) == within
    row = {"age": None, "born": None, "share": None, column: value}
    table = pa.table({name: [cell] for name, cell in row.items()})
    expected = [[name == column and not within for name in row]]
    assert rules.violations(table).tolist() == expected
    assert rules.propose(column, row) is None


VALUES = """
[values]
sex = ["F", "M"]
grade = [1, 2.5]
flag = [true]
"""


@pytest.mark.parametrize(
    ("column", "value", "accepted"),
    [
        ("sex", "F", True),
        ("sex", "f", False),
        ("sex", "", True),
        ("grade", "1.0", True),
        ("grade", 2.5, True),
        ("grade", "2.50", True),
        ("grade", "3", False),
        ("grade", "one", False),
        ("flag", True, True),
        ("flag", "true", True),
        ("flag", False, False),
        ("flag", 1, False),
    ],
)
def test_only_accepted_values_are_permitted(tmp_path, column, value, accepted):
    assert rules_of(tmp_path, VALUES).permits(column, value, {column: "x"}) == accepted


def test_a_single_accepted_value_is_proposed_in_the_type_of_its_column(tmp_path):
    rules = rules_of(tmp_path, VALUES)
    assert rules.propose("flag", {"flag": "no"}) == "true"
    table = pa.table({"sex": ["F"], "grade": [1.0], "flag": [False]})
    assert rules.fit(table).propose("flag", {"flag": False}) is True
    assert rules.propose("sex", {"sex": "x"}) is None


SUMS = """
[[sums]]
total = "all"
parts = ["men", "women"]
tolerance = 0.05
"""


@pytest.mark.parametrize(
    ("men", "women", "total", "broken"),
    [
        ("0.1", "0.2", "0.3", False),
        (0.1, 0.2, 0.35, False),
        (0.1, 0.2, 0.36, True),
        ("10", "20", "31", True),
        (None, "20", "31", False),
        ("ten", "20", "31", False),
    ],
)
def test_a_sum_fails_beyond_its_tolerance(tmp_path, men, women, total, broken):
    table = pa.table({"men": [men], "other": ["x"], "women": [women], "all": [total]})
    assert rules_of(tmp_path, SUMS).violations(table).tolist() == [[broken, False, broken, broken]]


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("all", {"men": "12.50", "women": "7", "all": "x"}, "19.50"),
        ("men", {"men": None, "women": "7", "all": "19.5"}, "12.5"),
        ("women", {"men": 3, "women": None, "all": 10}, 7),
        ("women", {"men": 0.1, "women": 5.0, "all": 0.3}, 0.2),
        ("all", {"men": Decimal("1.10"), "women": Decimal("2.00"), "all": Decimal("9.00")}, Decimal("3.10")),
        ("all", {"men": None, "women": "7", "all": "9"}, None),
    ],
)
def test_a_sum_proposes_its_missing_part_in_the_type_of_its_column(tmp_path, column, row, value):
    kind = next(cell for cell in row.values() if cell is not None)
    arrow = pa.decimal128(8, 2) if isinstance(kind, Decimal) else pa.scalar(kind).type
    table = pa.table({name: pa.array([cell], arrow) for name, cell in row.items()})
    found = rules_of(tmp_path, SUMS).fit(table).propose(column, row)
    assert (found, type(found)) == (value, type(value))


def test_a_sum_that_its_column_cannot_hold_is_not_proposed(tmp_path):
    table = pa.table({"men": [1.5], "women": [1.0], "all": [3]})
    assert rules_of(tmp_path, SUMS).fit(table).propose("all", table.to_pylist()[0]) is None


def test_what_another_rule_forbids_is_not_proposed(tmp_path):
    rules = rules_of(tmp_path, SUMS + "[ranges]\nall = [0, 10]\n")
    assert rules.propose("all", {"men": "4", "women": "5", "all": "1"}) == "9"
    assert rules.propose("all", {"men": "6", "women": "5", "all": "1"}) is None


def test_columns_without_a_rule_are_free():
    rules = parse_rules({})
    assert rules.permits("a", "x", {"a": "y"})
    assert rules.propose("a", {"a": "y"}) is None
    assert not rules.violations(pa.table({"a": ["y"]})).any()


@pytest.mark.parametrize("ask", ["check", "fit", "violations"])
def test_an_unknown_column_is_named(tmp_path, ask):
    rules = rules_of(tmp_path, SUMS)
    table = pa.table({"men": ["1"], "women": ["1"]})
    with pytest.raises(SettingError, match="the rules name column 'all'; the table's columns are 'men', 'women'"):
        getattr(rules, ask)(table.column_names if ask == "check" else table)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = ", r"is not TOML"),
        ("[range]\nage = [0, 1]", r"the file has no key 'range'; accepted are determines, ranges, values, sums"),
        ("[[determines]]\nby = 'a'", r"determines lacks 'target'; needed are by, target"),
        ("[[determines]]\nby = []\ntarget = 'b'", r"determines: by is \[\]; write one or several column names"),
        ("[[determines]]\nby = 'a'\ntarget = ['b']", r"determines: target is \['b'\]; write one column name"),
        ("[[determines]]\nby = 'a'\ntarget = 'a'", r"determines: 'a', 'a'; each column has one part in a rule"),
        ("[determines]\nby = 'a'\ntarget = 'b'", r"write \[\[determines\]\] above each rule"),
        ("ranges = 3", r"ranges is 3; write a table \[ranges\]"),
        ("[ranges]\nage = [1]", r"ranges: age is \[1\]; write it as \[lowest, highest\]"),
        ("[ranges]\nage = [2, 1]", r"ranges: age is \[2, 1\]"),
        ("[ranges]\nage = [0, nan]", r"ranges: age is \[0, NaN\]"),
        ("[ranges]\nage = [0, 1990-01-01]", r"ranges: age is \[0, 1990-01-01\]"),
        ("[ranges]\nage = ['0', '1']", r"ranges: age is \['0', '1'\]"),
        ("[values]\nsex = []", r"values: sex is \[\]; list texts, numbers, true or false"),
        ("[values]\nsex = [1990-01-01]", r"values: sex is \[1990-01-01\]"),
        (
            "[[sums]]\ntotal = 'a'\nparts = 'b'\nsize = 1",
            r"sums has no key 'size'; accepted are total, parts, tolerance",
        ),
        ("[[sums]]\ntotal = 'a'\nparts = 'b'\ntolerance = -1", r"sums: tolerance is -1; it is a number of at least 0"),
    ],
)
def test_a_faulty_file_is_told_in_one_line(tmp_path, text, line):
    with pytest.raises(SettingError, match=rf"rules\.toml: .*{line}") as told:
        rules_of(tmp_path, text)
    assert "\n" not in str(told.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingError, match=r"none\.toml: cannot be read \(No such file"):
        read_rules(tmp_path / "none.toml")
