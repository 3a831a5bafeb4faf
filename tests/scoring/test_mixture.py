import numpy as np
import pytest
from scipy.stats import multivariate_normal

from poleward.records import Encoded
from poleward.scoring.heaps import SAMPLES_PER_GAUSSIAN
from poleward.scoring.mixture import REGULARISATION, Mixture
from poleward.scoring.views import Plain


def no(n):
    return np.zeros(n, bool)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_one_gaussian_is_its_density():
    train, new = normal(SAMPLES_PER_GAUSSIAN, 3) @ np.diag([1.0, 2.0, 3.0]), normal(5, 3, seed=1)
    scores = Mixture("inputs", Plain()).fit(Encoded(inputs=train)).score(Encoded(inputs=new), no(5))
    covariance = np.cov(train.T, ddof=0) + REGULARISATION["inputs"] * np.eye(3)
    expected = -multivariate_normal(train.mean(axis=0), covariance).logpdf(new) - 1.5 * np.log(2 * np.pi)
    assert scores == pytest.approx(expected)


def test_two_heaps_are_two_gaussians_and_what_lies_between_them_is_odd():
    heaps = np.concatenate([normal(400, 2) - 10, normal(400, 2, seed=1) + 10])
    mixture = Mixture("means", Plain()).fit(Encoded(means=heaps))
    between, inside = mixture.score(Encoded(means=np.array([[0.0, 0.0], [10.0, 10.0]])), no(2))
    assert between > inside + 10


def test_a_small_heap_far_away_gets_no_gaussian_of_its_own():
    train = np.concatenate([normal(500, 2), 10 + 0.1 * normal(15, 2, seed=1)])
    mixture = Mixture("means", Plain()).fit(Encoded(means=train))
    inside, heap = mixture.score(Encoded(means=np.array([[0.0, 0.0], [10.0, 10.0]])), no(2))
    assert heap > inside + 10


def test_codes_are_trusted_less_than_measurements():
    line = np.outer(normal(50), [1.0, 1.0])
    off = np.array([[1.0, -1.0]])
    code = Mixture("means", Plain()).fit(Encoded(means=line)).score(Encoded(means=off), no(1))
    measured = Mixture("inputs", Plain()).fit(Encoded(inputs=line)).score(Encoded(inputs=off), no(1))
    assert code < measured


def test_samples_that_are_all_the_same_are_no_obstacle():
    mixture = Mixture("inputs", Plain()).fit(Encoded(inputs=np.ones((200, 3))))
    same, other = mixture.score(Encoded(inputs=np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 1.0]])), no(2))
    assert np.isfinite(same) and other > same


def test_further_samples_get_a_gaussian_of_their_own_and_no_score_rises():
    mixture = Mixture("means", Plain()).fit(Encoded(means=normal(500, 2)))
    new = Encoded(means=np.concatenate([9 + normal(20, 2, seed=1), normal(20, 2, seed=2)]))
    before = mixture.score(new, no(40))
    after = mixture.extend(Encoded(means=9 + normal(50, 2, seed=3))).score(new, no(40))
    assert (after <= before).all()
    assert after[:20].max() < 15 < before[:20].min()
    density = multivariate_normal([9.0, 9.0], (1 + REGULARISATION["means"]) * np.eye(2)).logpdf(new.means[:20])
    assert after[:20] == pytest.approx(-np.log(50 / 500) - density - np.log(2 * np.pi), abs=1.5)
