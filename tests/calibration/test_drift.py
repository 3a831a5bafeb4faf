import numpy as np
import pytest

from poleward.calibration.drift import drift, holm, level_of
from poleward.errors import SettingError

RNG = np.random.default_rng(0)
REFERENCE, CALIBRATION = RNG.normal(size=(400, 3)), RNG.normal(size=400)


def said(values, scores=None, number=1, alpha=0.05):
    scores = RNG.normal(size=len(values)) if scores is None else scores
    return drift(scores, CALIBRATION, ["a", "b", "c"], values, REFERENCE, number, alpha)


def test_a_stream_that_stays_gives_fewer_false_alarms_ever_than_asked_for():
    alarms = 0
    for run in range(60):
        rng = np.random.default_rng(run)
        reference, calibration = rng.normal(size=(200, 3)), rng.normal(size=200)
        alarms += any(
            drift(rng.normal(size=100), calibration, "abc", rng.normal(size=(100, 3)), reference, t, 0.2).has_moved
            for t in range(1, 21)
        )
    assert alarms / 60 <= 0.2 + 3 * np.sqrt(0.2 * 0.8 / 60)


def test_a_column_that_moved_is_named():
    values = RNG.normal(size=(300, 3))
    values[:, 1] += 1
    found = said(values)
    assert found.has_moved and found.moved == ("b",)


def test_scores_that_moved_are_an_alarm_without_any_column():
    found = said(RNG.normal(size=(300, 3)), RNG.normal(1, 1, 300))
    assert found.has_moved and found.moved == ()


def test_cells_that_are_missing_more_often_are_a_move():
    values = RNG.normal(size=(300, 3))
    values[:100, 2] = -np.inf
    assert said(values).moved == ("c",)


def test_later_batches_are_judged_more_strictly():
    assert level_of(2, 0.1) == pytest.approx(level_of(1, 0.1) / 4)


def test_adjusted_p_values_keep_their_order_and_never_fall():
    p = RNG.uniform(size=20)
    adjusted = holm(p)
    assert (adjusted >= p).all() and (np.diff(adjusted[np.argsort(p)]) >= 0).all() and adjusted.max() <= 1


@pytest.mark.parametrize(("number", "alpha", "message"), [(0, 0.1, "from 1"), (1, 0.0, "between 0 and 1")])
def test_what_is_no_batch_or_no_chance_is_refused(number, alpha, message):
    with pytest.raises(SettingError, match=message):
        said(np.zeros((5, 3)), number=number, alpha=alpha)


def test_an_empty_batch_is_refused():
    with pytest.raises(SettingError, match="is empty"):
        said(np.empty((0, 3)))
