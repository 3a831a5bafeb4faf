import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poleward.calibration.conformal import Conformal
from poleward.calibration.contamination import LARGEST_SHARE, estimate_share, without_anomalies

NORMAL = {
    "normal": lambda rng, n: rng.normal(size=n),
    "gamma": lambda rng, n: rng.gamma(3, size=n),
    "chi": lambda rng, n: np.sqrt(rng.chisquare(8, size=n)),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "log-normal": lambda rng, n: rng.lognormal(size=n),
    "uniform": lambda rng, n: rng.random(n),
}
SPLITS = 1000
a_few_scores = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60).map(np.array)


def scores_of(kind, n, share, distance, rng):
    """n scores of normal samples, of which a share is put so many standard deviations above the median."""
    scores = NORMAL[kind](rng, n)
    odd = rng.random(n) < share
    far = np.median(scores) + distance * scores.std() * np.exp(0.3 * rng.normal(size=n))
    return np.where(odd, far, scores), odd


@pytest.mark.parametrize("kind", NORMAL)
@pytest.mark.parametrize("n", [200, 2000])
def test_clean_scores_have_a_share_of_about_none(kind, n):
    rng = np.random.default_rng(0)
    shares = [estimate_share(NORMAL[kind](rng, n)) for _ in range(40)]
    assert np.mean(shares) < 0.005
    assert np.mean(np.array(shares) == 0) >= 0.9


@pytest.mark.parametrize("kind", ["normal", "gamma", "chi", "log-normal", "uniform"])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_the_share_of_scores_far_above_the_others_is_found(kind, share):
    rng = np.random.default_rng(1)
    found = [estimate_share(scores_of(kind, 3000, share, 8, rng)[0]) for _ in range(10)]
    assert abs(np.mean(found) - share) < 0.01 + 0.15 * share


def test_a_group_too_large_for_anomalies_is_another_kind_of_normal_samples():
    scores = scores_of("normal", 3000, 0.45, 8, np.random.default_rng(1))[0]
    assert estimate_share(scores) == 0
    assert len(without_anomalies(scores, 0.45)) == 3000


def test_anomalies_that_score_like_normal_samples_cannot_be_counted():
    rng = np.random.default_rng(2)
    assert estimate_share(scores_of("gamma", 3000, 0.1, 1, rng)[0]) < 0.01


@given(a_few_scores)
@example(np.array([0, 0, 0, 0, 0, 1, 2.225073858507e-311]))
def test_no_scores_have_a_larger_share_than_the_largest(scores):
    assert 0 <= estimate_share(scores) <= LARGEST_SHARE


@given(a_few_scores, st.floats(1e-3, 0.5))
def test_what_is_left_out_are_the_highest_and_no_more_than_the_share(scores, share):
    kept = without_anomalies(scores, share)
    assert np.array_equal(kept, np.sort(scores)[: len(kept)])
    assert len(scores) - len(kept) <= share * len(scores)


def test_scores_that_are_all_alike_are_kept():
    assert len(without_anomalies(np.full(50, 3.0), 0.2)) == 50
    assert estimate_share(np.full(50, 3.0)) == 0


@pytest.mark.parametrize("kind", ["normal", "gamma", "log-normal"])
@pytest.mark.parametrize("distance", [2, 6, 12])
def test_with_anomalies_among_the_calibration_samples_there_are_no_more_false_alarms_than_asked_for(kind, distance):
    rng, alpha, share = np.random.default_rng(3), 0.05, 0.1
    rates = np.empty(SPLITS)
    for split in range(SPLITS):
        scores, odd = scores_of(kind, 450, share, distance, rng)
        kept = without_anomalies(scores[:300], share)
        rates[split] = (Conformal(kept).p_values(scores[300:][~odd[300:]]) <= alpha).mean()
    assert rates.mean() <= alpha + 3 * rates.std() / math.sqrt(SPLITS)


def test_leaving_out_what_cannot_be_normal_lets_far_anomalies_be_found():
    rng, alpha, share = np.random.default_rng(4), 0.01, 0.1
    scores, odd = scores_of("normal", 4000, share, 12, rng)
    calibration, new = scores[:2000], scores[2000:][odd[2000:]]
    blind = (Conformal(calibration).p_values(new) <= alpha).mean()
    seeing = (Conformal(without_anomalies(calibration, share)).p_values(new) <= alpha).mean()
    assert blind < 0.2
    assert seeing > 0.8
