import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poleward.errors import SettingError
from poleward.scoring.relevance import COMPONENTS, WAYS, components, gaussian_process, neighbour_weighted, rerank

TWO_KINDS = 400


def two_kinds(seed=0):
    """Anomalies of two kinds with the same scores, in two corners of the features; only the first is of interest."""
    rng = np.random.default_rng(seed)
    features, scores = rng.normal(size=(TWO_KINDS, 6)), rng.normal(size=TWO_KINDS)
    kind = np.zeros(TWO_KINDS, int)
    kind[:80:2], kind[1:80:2] = 1, 2
    features[kind == 1, 0] += 8
    features[kind == 2, 1] += 8
    scores[:80] += 2
    return features, scores, kind


def labelled(scores, n):
    return np.argsort(-scores)[:n]


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_what_looks_like_the_boring_kind_falls_behind(way):
    features, scores, kind = two_kinds()
    rows = labelled(scores, 20)
    relevance = way(components(features), scores, rows, kind[rows] == 1)
    rest = np.setdiff1d(np.arange(80), rows)
    interesting, boring = (relevance[rest[kind[rest] == each]].mean() for each in (1, 2))
    assert interesting > boring + 0.1 * relevance.std()


def test_labels_double_what_the_next_places_hold():
    features, scores, kind = two_kinds()
    rows = labelled(scores, 30)
    rest = np.setdiff1d(np.arange(TWO_KINDS), rows)
    relevance = rerank(features, scores, rows, kind[rows] == 1).relevance
    found = [(kind[rest[np.argsort(-by[rest])[:25]]] == 1).sum() for by in (scores, relevance)]
    assert found[1] >= 1.8 * found[0]


def test_the_neighbour_weighted_score_is_the_published_one():
    features = np.array([[0.0], [1.0], [3.0]])
    scores = np.array([0.0, 2.0, 4.0])
    found = neighbour_weighted(features, scores, np.array([0]), np.array([True]))
    distance = np.array([0.0, 1.0, 3.0])
    delta = np.exp(distance / distance.mean())
    np.testing.assert_allclose(found, [0, 0.5, 1] * np.tanh(delta - 1 + np.arctanh(0.1 + 0.85)))


@pytest.mark.parametrize(("is_interesting", "kept"), [(True, 0.95), (False, 0.1)])
def test_a_labelled_sample_keeps_the_published_share_of_its_score(is_interesting, kept):
    features, scores = np.array([[0.0], [5.0]]), np.array([1.0, 0.0])
    found = neighbour_weighted(features, scores, np.array([0]), np.array([is_interesting]))
    assert found[0] == pytest.approx(kept)


def test_far_from_every_label_the_score_decides():
    features = np.concatenate([np.zeros((5, 1)), np.full((20, 1), 100.0)])
    scores = np.arange(25.0)
    found = gaussian_process(features, scores, np.arange(4), np.array([True, False, True, False]))
    np.testing.assert_allclose(found[5:], ((scores - scores.mean()) / scores.std())[5:])


def test_the_way_with_the_better_cross_validation_is_taken():
    features, scores, kind = two_kinds()
    rows = labelled(scores, 40)
    found = rerank(features, scores, rows, kind[rows] == 1)
    assert set(found.quality) == set(WAYS)
    assert found.method == max(found.quality, key=found.quality.get)
    assert all(0 <= value <= 1 for value in found.quality.values())


@pytest.mark.parametrize("interesting", [[True], [False], [True] * 3, [True, False, False, False, False, False]])
def test_few_labels_rank_without_cross_validation(interesting):
    features, scores, _ = two_kinds()
    found = rerank(features, scores, np.arange(len(interesting)), np.array(interesting))
    assert found.method == "Gaussian process"
    assert found.quality == {}
    assert np.isfinite(found.relevance).all()


def test_no_label_is_refused():
    with pytest.raises(SettingError, match="label some samples first"):
        rerank(np.zeros((3, 2)), np.zeros(3), np.array([], int), np.array([], bool))


@pytest.mark.parametrize("n_features", [1, 6, 100])
def test_components_have_unit_mean_squared_length(n_features):
    found = components(np.random.default_rng(0).normal(size=(60, n_features)) * 1e6)
    assert found.shape[1] <= min(COMPONENTS, n_features)
    assert np.square(found).sum(axis=1).mean() == pytest.approx(1)


def test_features_that_never_vary_are_no_fault():
    found = rerank(np.ones((12, 3)), np.arange(12.0), np.arange(10), np.arange(10) % 2 == 0)
    assert np.isfinite(found.relevance).all()


@settings(max_examples=8)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-100, 100))
def test_units_of_features_and_scores_do_not_matter(seed, scale, shift):
    rng = np.random.default_rng(seed)
    features, scores = rng.normal(size=(30, 3)), rng.normal(size=30)
    rows, interesting = np.arange(6), np.arange(6) % 2 == 0
    for way in WAYS.values():
        one = way(components(features), scores, rows, interesting)
        other = way(components(features * scale + shift), scores * scale + shift, rows, interesting)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_many_samples_and_many_labels_are_no_matter_of_minutes():
    rng = np.random.default_rng(0)
    features, scores = rng.normal(size=(20_000, 4)).astype(np.float32), rng.normal(size=20_000)
    found = rerank(features, scores, np.arange(3000), features[:3000, 0] > 0)
    assert found.relevance[features[:, 0] > 1].mean() > found.relevance[features[:, 0] < -1].mean()


def test_the_same_labels_give_the_same_ranking():
    features, scores, kind = two_kinds()
    rows = labelled(scores, 40)
    one, other = (rerank(features, scores, rows, kind[rows] == 1) for _ in range(2))
    np.testing.assert_array_equal(one.relevance, other.relevance)
