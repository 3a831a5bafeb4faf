import numpy as np
import pytest

from poleward.records import ReportContents
from poleward.report.thresholds import LEVELS, thresholds


def contents(m=999, threshold=949.0, alpha=0.05, labels=None):
    above = np.nextafter(threshold, np.inf)
    return ReportContents("", [], np.arange(0.0, 2000.0), np.arange(float(m)), above, alpha, {}, [], labels=labels)


def test_every_level_that_calibration_can_show_has_its_threshold():
    found = thresholds(contents())
    assert [threshold.level for threshold in found] == list(LEVELS)
    assert [threshold.score for threshold in found][3:6] == [989.0, 979.0, 949.0]


def test_the_threshold_of_the_page_is_marked_and_comes_once():
    assert [threshold.level for threshold in thresholds(contents()) if threshold.is_own] == [0.05]
    assert len(thresholds(contents(threshold=950.5, alpha=0.049))) == len(LEVELS) + 1


def test_what_is_flagged_lies_above():
    for threshold in thresholds(contents()):
        assert threshold.n_flagged == 1999 - threshold.score
        assert threshold.n_found is None


def test_labels_tell_how_many_anomalies_are_among_them():
    labels = np.arange(2000) >= 1990
    assert {threshold.n_found for threshold in thresholds(contents(labels=labels))} == {10}


def test_the_strictest_comes_first():
    scores = [threshold.score for threshold in thresholds(contents())]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("m", "lowest"), [(99, 0.01), (9, 0.1)])
def test_a_level_that_calibration_cannot_show_is_left_out(m, lowest):
    found = thresholds(contents(m, threshold=m - 1 - m / 10, alpha=0.1))
    assert min(threshold.level for threshold in found) == lowest
