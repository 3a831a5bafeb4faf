import numpy as np
import pytest

from poleward.records import Encoded
from poleward.scoring.knn import KNearest
from poleward.scoring.local import LocalNearest
from poleward.scoring.views import Plain


def no(n):
    return np.zeros(n, bool)


def points(values):
    return Encoded(inputs=np.array(values, float))


def test_the_formula_holds():
    train = points([[0.0], [1.0], [3.0]])  # distances to the nearest other: 1, 1, 2
    score = LocalNearest("inputs", Plain(), 1).fit(train).score(points([[7.0], [-2.0]]), no(2))
    assert score == pytest.approx([4 / np.sqrt(2), 2 / np.sqrt(1)])


def test_the_same_distance_is_odder_beside_a_dense_heap():
    rng = np.random.default_rng(0)
    dense, sparse = rng.normal(size=(200, 2)) * 0.1, rng.normal(size=(200, 2)) + 50
    train = Encoded(inputs=np.concatenate([dense, sparse]))
    beside = np.array([[3.0, 0.0], [50.0, 50.0]])
    beside[1] = sparse.max(axis=0) + 2.0
    plain = KNearest("inputs", Plain(), 3).fit(train).score(Encoded(inputs=beside), no(2))
    local = LocalNearest("inputs", Plain(), 3).fit(train).score(Encoded(inputs=beside), no(2))
    assert local[0] / local[1] > 2 * plain[0] / plain[1]


def test_among_copies_of_one_sample_a_near_one_is_not_infinitely_odd():
    train = points([[0.0]] * 50 + [[1.0], [2.0], [3.0]])
    found = LocalNearest("inputs", Plain(), 3).fit(train).score(points([[0.0], [0.01], [9.0]]), no(3))
    assert np.isfinite(found).all() and found[0] == 0 and found[1] < found[2]


def test_samples_that_are_all_the_same_give_nought_for_their_like():
    found = LocalNearest("inputs", Plain(), 3).fit(points([[1.0]] * 20)).score(points([[1.0], [2.0]]), no(2))
    assert found[0] == 0 and np.isfinite(found[1]) and found[1] > 0


def test_a_training_sample_is_not_its_own_neighbour():
    train = points([[0.0], [1.0], [3.0]])
    scorer = LocalNearest("inputs", Plain(), 1).fit(train)
    assert scorer.score(train, np.ones(3, bool)) == pytest.approx([1.0, 1.0, 2.0])
