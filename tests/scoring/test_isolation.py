import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from poleward.records import Encoded
from poleward.scoring.isolation import Isolation, average_path


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def scores(points, queries, seed=0):
    scorer = Isolation("means", seed).fit(Encoded(means=points))
    return scorer.score(Encoded(means=queries), np.zeros(len(queries), bool))


CLOUDS = {
    "normal": normal(400, 5),
    "single precision": normal(400, 5).astype(np.float32),
    "fewer than a tree takes": normal(40, 3),
    "two": normal(2, 3),
    "ties": np.round(normal(300, 3)),
    "a constant column": np.concatenate([normal(300, 2), np.ones((300, 1))], axis=1),
    "one and the same point": np.ones((50, 2)),
}


@pytest.mark.parametrize("points", CLOUDS.values(), ids=CLOUDS)
@pytest.mark.parametrize("seed", [0, 7])
def test_scores_are_those_of_scikit_learn(points, seed):
    queries = np.concatenate([points, 3 * normal(100, points.shape[1], seed=1).astype(points.dtype)])
    forest = IsolationForest(random_state=seed).fit(points)
    assert np.allclose(scores(points, queries, seed), -forest.score_samples(queries), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [10, 256, 5000])
def test_the_mean_depth_of_a_search_follows_the_harmonic_number(n):
    harmonic = sum(1 / i for i in range(1, n))
    exact = 2 * harmonic - 2 * (n - 1) / n
    assert average_path(np.array([n]))[0] == pytest.approx(exact, abs=1.1 / n)


def test_a_point_far_from_the_others_scores_higher():
    found = scores(normal(500, 4), np.array([[0.0] * 4, [8.0] * 4]))
    assert found[1] > 0.7 > 0.5 > found[0]


def test_a_score_is_the_same_bits_whatever_the_others():
    points = normal(300, 4)
    scorer = Isolation("means").fit(Encoded(means=points))
    together = scorer.score(Encoded(means=points), np.zeros(300, bool))
    alone = [scorer.score(Encoded(means=point[None]), np.zeros(1, bool)) for point in points[:20]]
    assert np.array_equal(np.concatenate(alone), together[:20])


def test_the_prepared_input_can_be_searched_too():
    points = normal(300, 4)
    scorer = Isolation("inputs", 0).fit(Encoded(inputs=points))
    assert scorer.needs == scorer.learns == {"inputs"}
    assert np.array_equal(scorer.score(Encoded(inputs=points), np.zeros(300, bool)), scores(points, points))


def test_a_value_at_the_threshold_goes_left():
    stump = {
        "roots": np.array([0]),
        "left": np.array([1, -1, -1]),
        "right": np.array([2, -1, -1]),
        "feature": np.array([0, -2, -2]),
        "threshold": np.array([0.5, -2.0, -2.0]),
        "length": np.array([0.0, 1.0, 3.0]),
        "scale": np.array([1.0]),
    }
    scorer = Isolation("means").restore(stump)
    found = scorer.score(Encoded(means=np.array([[0.25], [0.5], [0.75]])), np.zeros(3, bool))
    assert found.tolist() == [0.5, 0.5, 0.125]
