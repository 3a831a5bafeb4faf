import numpy as np
import pytest

from poleward.detector.detector import Detector
from poleward.detector.recalibration import at_level, recalibrated
from poleward.errors import SchemaError, SettingError, SourceError


def rows(n=150, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


def fitted(**settings):
    return Detector(**{"epochs": 1, "n_latent": 3, "random_state": 0, "scorer": "input-knn"} | settings).fit(rows())


@pytest.fixture
def detector():
    return fitted()


def test_p_values_are_against_the_new_samples(detector):
    new, others = rows(400, seed=1), rows(30, seed=2)
    scores = detector.score_samples(others)
    detector.recalibrate(new)
    assert np.array_equal(detector.score_samples(others), scores)
    calibration = detector.score_samples(new)
    expected = [(1 + (calibration <= score).sum()) / 401 for score in scores]
    assert np.array_equal(detector.p_values(others), expected)
    assert np.array_equal(detector.predict(others) == -1, detector.p_values(others) <= 0.01)


def test_it_makes_up_for_a_drift_of_normal_samples(detector):
    drifted = 1.5 * rows(2000, seed=1)
    assert (detector.p_values(drifted[1000:]) <= 0.05).mean() > 0.1
    detector.recalibrate(drifted[:1000])
    assert (detector.p_values(drifted[1000:]) <= 0.05).mean() < 0.08


def test_in_how_many_batches_samples_come_does_not_matter(detector):
    table = detector._samples(rows(100, seed=1))[1]
    one = recalibrated(detector.model_, [table], 0.1)
    other = recalibrated(detector.model_, [table.slice(0, 30), table.slice(30, 0), table.slice(30)], 0.1)
    assert np.array_equal(one.conformal.scores, other.conformal.scores)
    assert np.array_equal(one.calibration_prints, other.calibration_prints)
    assert one.facts == other.facts


def test_a_model_that_is_recalibrated_stays_as_it_was(detector):
    model = detector.model_
    scores, facts = model.conformal.scores.copy(), dict(model.facts)
    detector.recalibrate(rows(100, seed=1))
    assert np.array_equal(model.conformal.scores, scores)
    assert model.facts == facts
    assert detector.model_ is not model


def test_samples_that_were_trained_on_are_left_out(detector):
    detector.recalibrate(np.concatenate([rows(), rows(50, seed=1)]))
    facts = detector.model_.facts
    assert (facts["n_trained_on"], facts["n_calibration"]) == (128, 22 + 50)
    assert len(detector.model_.conformal.scores) == 72


def test_with_nothing_but_trained_samples_it_is_refused_and_nothing_changes(detector):
    trained = [row for row in rows() if detector.rank(row[None]).in_training[0]]
    prints = detector.model_.calibration_prints
    model = detector.model_
    model.calibration_prints = np.empty(0, np.uint64)
    trained = [row for row in trained if detector.rank(row[None]).in_training[0]]
    model.calibration_prints = prints
    with pytest.raises(SourceError, match="none of the 128 samples is new to the model"):
        detector.recalibrate(np.array(trained))
    assert detector.model_ is model


def test_samples_unlike_those_of_training_are_refused(detector):
    with pytest.raises(SchemaError):
        detector.recalibrate(np.zeros((5, 4, 4)))


def test_the_threshold_is_that_of_alpha_even_where_contamination_had_set_it():
    detector = fitted(contamination=0.2)
    assert detector.model_.facts["threshold_from"] == "contamination"
    detector.set_params(alpha=0.1).recalibrate(rows(300, seed=1))
    assert detector.model_.facts["threshold_from"] == "alpha"
    assert detector.model_.level == 0.1
    assert -detector.offset_ == detector.model_.conformal.threshold(0.1)


def test_another_level_has_another_threshold_and_the_same_p_values(detector):
    other = at_level(detector.model_, 0.2)
    assert other.conformal is detector.model_.conformal
    assert (other.threshold, other.settings.alpha) == (other.conformal.threshold(0.2), 0.2)
    with pytest.raises(SettingError, match="alpha = 3"):
        at_level(detector.model_, 3.0)
