import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.calibration.conformal import Conformal

some_scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=40).map(np.array)
levels = st.floats(0, 1, exclude_min=True)


def grid_levels(m):
    """Levels at, just below and just above the possible p-values of m calibration samples."""
    exact = st.integers(1, m + 1).map(lambda r: r / (m + 1))
    return exact.flatmap(lambda p: st.sampled_from([math.nextafter(p, 0), p, math.nextafter(p, 2)]))


@given(some_scores, some_scores)
def test_a_p_value_is_the_share_of_calibration_scores_at_least_as_high_the_sample_counted_in(calibration, scores):
    expected = [(1 + sum(c >= s for c in calibration)) / (len(calibration) + 1) for s in scores]
    assert Conformal(calibration).p_values(scores).tolist() == expected


@given(some_scores, some_scores)
def test_a_higher_score_never_has_a_higher_p_value(calibration, scores):
    ordered = Conformal(calibration).p_values(np.sort(scores))
    assert (np.diff(ordered) <= 0).all()


def test_ties_count_against_the_sample():
    assert Conformal(np.full(3, 5.0)).p_values(np.array([4.0, 5.0, 6.0])).tolist() == [1, 1, 0.25]


@given(some_scores, st.permutations(range(5)))
def test_the_order_of_the_calibration_scores_does_not_matter(calibration, order):
    shuffled = np.concatenate([calibration[order[i] :: 5] for i in range(5)])
    scores = np.arange(-5.0, 6.0)
    assert np.array_equal(Conformal(shuffled).p_values(scores), Conformal(calibration).p_values(scores))


@pytest.mark.parametrize("m", [1, 9, 40])
def test_p_values_of_normal_samples_are_uniform_over_the_possible_values(m):
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(20_000, m + 1))
    found = np.array([Conformal(draw[:m]).p_values(draw[m:])[0] for draw in draws])
    counts = np.bincount(np.rint(found * (m + 1)).astype(int), minlength=m + 2)[1:]
    expected = len(draws) / (m + 1)
    assert ((counts - expected) ** 2 / expected).sum() < m + 5 * math.sqrt(2 * m) + 5  # chi-squared, m degrees


@pytest.mark.parametrize("m", [3, 10, 57])
@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("ties", [False, True])
def test_normal_samples_are_flagged_at_most_as_often_as_promised(m, alpha, ties):
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(10_000, m + 1))
    if ties:
        draws = np.round(draws)
    flagged = np.mean([Conformal(draw[:m]).p_values(draw[m:])[0] <= alpha for draw in draws])
    assert flagged <= alpha + 3 * math.sqrt(alpha / len(draws))


@given(calibration=some_scores, scores=some_scores, data=st.data())
def test_a_score_is_above_the_threshold_exactly_when_its_p_value_is_at_most_the_level(calibration, scores, data):
    conformal = Conformal(calibration)
    alpha = data.draw(st.one_of(levels, grid_levels(len(calibration))))
    flagged = conformal.p_values(scores) <= conformal.level(alpha)
    assert np.array_equal(scores > conformal.threshold(alpha), flagged)


@pytest.mark.parametrize("m", [1, 19, 99, 100, 999, 1000, 4321])
@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05, 0.1, 0.3])
def test_as_many_calibration_samples_lie_above_the_threshold_as_the_level_allows(m, alpha):
    conformal = Conformal(np.arange(float(m)))
    allowed = round(conformal.level(alpha) * (m + 1), 9) // 1 - 1
    assert (conformal.scores > conformal.threshold(alpha)).sum() == allowed


def test_at_level_one_everything_is_flagged():
    conformal = Conformal(np.array([1.0, 2.0]))
    assert conformal.threshold(1.0) == -math.inf
    assert (conformal.p_values(np.array([-1e9])) <= conformal.level(1.0)).all()


@pytest.mark.parametrize(("m", "alpha", "level"), [(99, 0.01, 0.01), (98, 0.01, 1 / 99), (1, 0.05, 0.5), (9, 0.2, 0.2)])
def test_a_level_that_the_calibration_cannot_show_becomes_the_smallest_that_it_can(m, alpha, level):
    conformal = Conformal(np.arange(float(m)))
    assert conformal.level(alpha) == level
    assert conformal.smallest_level == 1 / (m + 1)
    assert conformal.p_values(np.array([1e9])).tolist() == [conformal.smallest_level]


def test_the_scores_given_are_left_as_they_are():
    scores = np.array([3.0, 1.0, 2.0])
    assert Conformal(scores).scores.tolist() == [1, 2, 3]
    assert scores.tolist() == [3, 1, 2]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_over_1000_splits_the_rate_of_false_alarms_is_at_most_the_one_asked_for(alpha, ties):
    rng = np.random.default_rng(2)
    everything = rng.normal(size=1200)
    if ties:
        everything = np.round(4 * everything) / 4
    rates = np.empty(1000)
    for split in range(1000):
        scores = rng.permutation(everything)
        rates[split] = (scores[200:] > Conformal(scores[:200]).threshold(alpha)).mean()
    assert rates.mean() <= alpha + 3 * rates.std() / math.sqrt(1000)


@given(some_scores, some_scores)
def test_the_level_above_a_threshold_is_the_largest_p_value_of_scores_above_it(calibration, scores):
    conformal = Conformal(calibration)
    for threshold in [*calibration, -9.0, 9.0]:
        above = conformal.p_values(scores[scores > threshold])
        assert above.max(initial=0) <= conformal.level_above(threshold)
    assert conformal.level_above(conformal.threshold(0.5)) <= conformal.level(0.5)
