import numpy as np
import pytest

from poleward.benchmark.reranking import Simulated, simulate, thinned
from poleward.errors import SettingError


def test_the_next_places_are_counted_with_and_without_labels():
    rng = np.random.default_rng(0)
    features, scores = rng.normal(size=(300, 4)), rng.normal(size=300)
    interesting = np.arange(300) < 40
    features[interesting] += 6
    scores[:80] += 1.5  # half of what is anomalous is of interest
    found = simulate(features, scores, interesting, n_labelled=40, n_next=40)
    assert found.n_labelled + found.n_left == 40
    assert found.gain == found.reranked / found.plain > 1.3


def test_labels_of_the_next_places_are_not_used():
    rng = np.random.default_rng(1)
    features, scores = rng.normal(size=(200, 4)), rng.normal(size=200)
    interesting = rng.random(200) < 0.3
    order = np.argsort(-scores)
    other = interesting.copy()
    other[order[50:]] = rng.permutation(other[order[50:]])
    one, two = (simulate(features, scores, truth, n_labelled=50, n_next=150) for truth in (interesting, other))
    assert one == two  # all that is left is counted, so that only the method could differ


@pytest.mark.parametrize(("plain", "reranked", "gain"), [(2, 5, 2.5), (0, 1, np.inf), (0, 0, np.nan)])
def test_gain_is_the_ratio_of_what_was_found(plain, reranked, gain):
    np.testing.assert_equal(Simulated(1, 9, plain, reranked, "").gain, gain)


@pytest.mark.parametrize("n_labelled", [0, 10, 11])
def test_something_must_be_labelled_and_something_left(n_labelled):
    with pytest.raises(SettingError, match="from 1 to 9"):
        simulate(np.zeros((10, 2)), np.zeros(10), np.zeros(10, bool), n_labelled)


@pytest.mark.parametrize("share", [0.04, 0.2])
def test_thinning_leaves_every_normal_sample_and_the_share_of_odd_ones(share):
    is_odd = np.arange(1000) % 2 == 0
    rows = thinned(is_odd, share, seed=3)
    assert set(np.flatnonzero(~is_odd)) <= set(rows)
    assert is_odd[rows].mean() == pytest.approx(share, abs=0.002)
    assert not np.array_equal(rows, thinned(is_odd, share, seed=4))
