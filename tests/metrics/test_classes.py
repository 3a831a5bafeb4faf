import numpy as np
import pytest

from poleward.metrics.classes import accuracy, balanced_accuracy, calibration_error


def test_every_class_counts_alike_in_the_balanced_share():
    true, predicted = ["a"] * 8 + ["b"] * 2, ["a"] * 8 + ["b", "a"]
    assert accuracy(true, predicted) == pytest.approx(0.9)
    assert balanced_accuracy(true, predicted) == pytest.approx(0.75)


def test_confidence_that_holds_has_no_calibration_error():
    predicted = ["a"] * 20
    true = ["a"] * 10 + ["b"] * 10
    assert calibration_error(true, predicted, np.full(20, 0.5)) == pytest.approx(0, abs=1e-12)


def test_bins_are_weighed_by_their_samples():
    true, predicted = ["a"] * 4, ["a", "a", "a", "b"]
    confidence = np.array([1.0, 1.0, 1.0, 0.3])
    assert calibration_error(true, predicted, confidence) == pytest.approx(0.25 * 0.3)


def test_overconfidence_in_one_bin_is_not_made_up_for_by_another():
    true, predicted = ["a", "b"], ["a", "a"]
    assert calibration_error(true, predicted, np.array([0.2, 0.8])) == pytest.approx((0.8 + 0.8) / 2)


def test_nothing_to_judge_has_no_figures():
    empty = [accuracy([], []), balanced_accuracy([], []), calibration_error([], [], np.empty(0))]
    assert np.isnan(empty).all()
