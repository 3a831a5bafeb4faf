from dataclasses import replace

import pytest

from poleward.benchmark.comparison import as_table, by_row, difference, mean_of
from poleward.benchmark.outcomes import Outcome


def outcome(row, data, seed, auroc, failure=""):
    figures = {"auroc": auroc, "average_precision": auroc, "fpr95": 1 - auroc, "fpr95_ood_positive": 1 - auroc}
    return Outcome("g", data, seed, row, "h", {} if failure else figures, 1.0, "c", failure)


def cells(outcomes, order=()):
    return by_row(outcomes, order)


TWO_TABLES = [
    outcome("raw-5nn", "a", 0, 0.5),
    outcome("raw-5nn", "a", 1, 0.7),
    outcome("raw-5nn", "b", 0, 0.8),
    outcome("default", "a", 0, 0.6),
    outcome("default", "a", 1, 0.8),
    outcome("default", "b", 0, 0.9),
]


def lines_of(outcomes, **more):
    return {line.split("|")[1].strip(): line for line in as_table(outcomes, [], **more).splitlines() if "|" in line}


def test_the_default_comes_first():
    assert list(cells(TWO_TABLES)) == ["default", "raw-5nn"]


def test_a_mean_is_over_data_sets_of_the_means_over_seeds():
    assert mean_of(cells(TWO_TABLES)["raw-5nn"], "auroc", ["a", "b"]).typical == pytest.approx((0.6 + 0.8) / 2)


def test_a_row_without_one_of_the_data_sets_has_no_mean():
    assert mean_of(cells(TWO_TABLES[:2])["raw-5nn"], "auroc", ["a", "b"]) is None


def test_a_row_that_failed_once_has_no_mean():
    found = cells([*TWO_TABLES[:3], outcome("raw-5nn", "b", 1, 0.0, failure="no")])
    assert mean_of(found["raw-5nn"], "auroc", ["a", "b"]) is None


def test_differences_are_taken_on_the_splits_that_both_ranked():
    found = cells([*TWO_TABLES, outcome("default", "b", 1, 0.0)])
    assert difference(found["default"], found["raw-5nn"]).typical == pytest.approx(0.1)


def test_rows_without_a_split_in_common_have_no_difference():
    found = cells([outcome("default", "a", 0, 0.5), outcome("raw-5nn", "a", 1, 0.5)])
    assert difference(found["default"], found["raw-5nn"]) is None


def test_of_one_data_set_the_interval_is_over_seeds():
    interval = mean_of(cells(TWO_TABLES[:2])["raw-5nn"], "auroc", ["a"])
    assert (interval.low, interval.high) == (pytest.approx(0.5), pytest.approx(0.7))


def test_the_best_of_a_column_is_bold_and_the_lowest_fpr_is_the_best():
    found = lines_of(TWO_TABLES)
    assert found["default"].count("**") == 2 * 6 and "**" not in found["raw-5nn"]
    assert "**0.700** | **0.900**" in found["default"]


def test_a_cost_has_no_best_row():
    costly = [
        replace(one, figures={**one.figures, "gpu_minutes": 1.0 + (one.row == "default")}) for one in TWO_TABLES[::3]
    ]
    shown = lines_of([replace(one, data="a") for one in costly])
    assert " 1.000 " in shown["raw-5nn"] and " 2.000 " in shown["default"]


def test_the_default_is_compared_with_the_simple_row():
    assert "AUROC of the default minus raw-5nn, paired: +0.100" in as_table(TWO_TABLES, [])
    assert "| -0.100" in lines_of(TWO_TABLES)["raw-5nn"]


def test_rows_of_different_code_are_seen_to_differ():
    older = replace(TWO_TABLES[0], code="0123456789ab")
    found = lines_of([older, *TWO_TABLES[1:]])
    assert found["row"].endswith("| code |")
    assert found["raw-5nn"].endswith("| 012345 c |") and found["default"].endswith("| c |")


def test_rows_that_read_labels_are_not_compared():
    outcomes = [*TWO_TABLES, outcome("cheat", "a", 0, 1.0), outcome("cheat", "b", 0, 1.0)]
    found = lines_of(outcomes, apart=["cheat"])
    assert "1.000" in found["cheat"] and "**" not in found["cheat"] and "+" not in found["cheat"]
    assert "**" in found["default"]
