import numpy as np
import pytest

from poleward.records import Encoded
from poleward.scoring.knn import KNearest
from poleward.scoring.views import Plain, Sphere, Whitened

VIEWS = {"plain": Plain, "sphere": Sphere}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def fitted(points, k=3, view=None):
    return KNearest("means", view or Plain(), k).fit(Encoded(means=points))


def score(scorer, points, trained_on=False):
    return scorer.score(Encoded(means=points), np.full(len(points), trained_on))


def test_the_score_is_the_mean_distance_to_the_k_nearest():
    scorer = fitted(np.array([[0.0], [1.0], [3.0], [100.0]]), k=3)
    assert score(scorer, np.array([[0.0], [2.0]])) == pytest.approx([4 / 3, 4 / 3])


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("k", [1, 3, 10])
def test_a_sample_that_was_trained_on_scores_as_if_its_copy_had_been_left_out(view, k):
    points = normal(60, 4)
    scores = score(fitted(points, k, view()), points, trained_on=True)
    without = [score(fitted(np.delete(points, i, axis=0), k, view()), points[[i]])[0] for i in range(60)]
    assert np.array_equal(scores, without)


def test_only_the_samples_that_were_trained_on_lose_their_nearest():
    points = normal(60, 4)
    scorer = fitted(points)
    trained_on = np.arange(60) % 2 == 0
    mixed = scorer.score(Encoded(means=points), trained_on)
    assert np.array_equal(mixed[trained_on], score(scorer, points, trained_on=True)[trained_on])
    assert np.array_equal(mixed[~trained_on], score(scorer, points)[~trained_on])


def test_duplicates_count_as_neighbours():
    points = np.concatenate([np.zeros((3, 2)), [[3.0, 4.0]]])
    scorer = fitted(points, k=3)
    assert score(scorer, points, trained_on=True) == pytest.approx([5 / 3] * 3 + [5])
    assert score(fitted(np.zeros((5, 2)), k=3), np.zeros((1, 2)), trained_on=True) == [0]


@pytest.mark.parametrize("n", [2, 3])
def test_fewer_samples_than_neighbours_are_all_there_are(n):
    points = np.arange(float(n))[:, None]
    scorer = fitted(points, k=10)
    assert score(scorer, points, trained_on=True)[0] == pytest.approx(np.mean(np.arange(1, n)))
    assert score(scorer, points)[0] == pytest.approx(np.mean(np.arange(n - 1)))


def test_on_the_sphere_only_the_direction_counts():
    points = normal(60, 4)
    scorer = fitted(points, view=Sphere())
    assert score(scorer, 7 * normal(5, 4, seed=1)) == pytest.approx(score(scorer, normal(5, 4, seed=1)))


def test_whitened_scores_do_not_see_a_column_s_unit():
    points, queries = normal(60, 4), normal(5, 4, seed=1)
    units = np.array([1.0, 10.0, 0.5, 3.0])
    expected = score(fitted(points, view=Whitened()), queries)
    assert score(fitted(points * units, view=Whitened()), queries * units) == pytest.approx(expected)


def test_prepared_inputs_are_compared_over_the_cells_that_both_have():
    stored = np.array([[0.0, 0.0], [9.0, 0.0]])
    observed = np.array([[True, True], [False, True]])
    scorer = KNearest("inputs", Plain(), 1).fit(Encoded(inputs=stored, observed=observed))
    query = Encoded(inputs=np.array([[3.0, 2.0]]), observed=np.array([[True, True]]))
    assert scorer.score(query, np.array([False])) == pytest.approx([2 * np.sqrt(2)])


@pytest.mark.parametrize(
    ("field", "view", "needs"),
    [
        ("means", Plain(), {"means"}),
        ("means", Whitened(), {"means"}),
        ("inputs", Plain(), {"inputs", "observed"}),
        ("inputs", Whitened(), {"inputs"}),
    ],
)
def test_it_asks_for_what_it_reads(field, view, needs):
    scorer = KNearest(field, view)
    assert scorer.needs == scorer.learns == needs
