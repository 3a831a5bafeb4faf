import sys

import numpy as np
import pytest

from poleward.records import Encoded
from poleward.scoring import approximate, knn
from poleward.scoring.approximate import ApproximateIndex, build_index
from poleward.scoring.knn import KNearest
from poleward.scoring.neighbors import ExactIndex
from poleward.scoring.views import Plain

pytest.importorskip("faiss", reason="faiss is not installed")
RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(20, 8)) * 3
POINTS = (CENTRES[RNG.integers(0, 20, 4000)] + RNG.normal(size=(4000, 8))).astype(np.float32)
QUERIES = (CENTRES[RNG.integers(0, 20, 300)] + RNG.normal(size=(300, 8))).astype(np.float32)


@pytest.fixture(scope="module")
def index():
    return ApproximateIndex(POINTS)


def test_it_finds_as_many_true_neighbours_as_it_says_in_few_lists(index):
    true, found = ExactIndex(POINTS).distances(QUERIES, 3), index.distances(QUERIES, 3)
    assert index.recall >= 0.99 and index.n_probe < len(index.centroids) / 2
    assert (found <= true[:, -1:]).mean() > 0.97
    assert (found >= true).all()


def test_distances_are_the_exact_ones_of_the_points_it_names(index):
    distances, rows = index.search(QUERIES, 3)
    expected = np.linalg.norm(QUERIES[:, None].astype(np.float64) - POINTS[rows].astype(np.float64), axis=2)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)


def test_a_query_has_the_same_bits_alone_and_in_any_batch(index):
    whole = index.distances(QUERIES, 3)
    assert np.array_equal(whole, np.concatenate([index.distances(query[None], 3) for query in QUERIES]))


def test_more_neighbours_than_the_lists_hold_are_looked_for_among_all_points(index):
    np.testing.assert_allclose(
        index.distances(QUERIES[:2], 3000), ExactIndex(POINTS).distances(QUERIES[:2], 3000), rtol=1e-9
    )


@pytest.fixture
def scorer(monkeypatch):
    monkeypatch.setattr(approximate, "APPROXIMATE_FROM", 1000)
    return KNearest("means", Plain()).fit(Encoded(means=POINTS))


def test_a_scorer_gives_the_same_scores_after_saving(scorer):
    unmet = np.zeros(len(QUERIES), bool)
    other = KNearest("means", Plain()).restore(scorer.arrays())
    assert isinstance(other.index, ApproximateIndex) and other.index.recall == scorer.index.recall
    assert np.array_equal(other.score(Encoded(means=QUERIES), unmet), scorer.score(Encoded(means=QUERIES), unmet))


def test_it_says_how_it_looks(scorer, monkeypatch):
    assert "are approximate: " in scorer.notes()[0]
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(knn, "APPROXIMATE_FROM", 1000)
    monkeypatch.setattr(knn, "has_faiss", lambda: False)
    other = KNearest("means", Plain()).restore(scorer.arrays())
    assert type(other.index) is ExactIndex and "pip install 'poleward[knn]'" in other.notes()[0]


def test_few_points_and_points_with_gaps_are_looked_through_exactly(monkeypatch):
    assert type(build_index(POINTS)) is ExactIndex
    monkeypatch.setattr(approximate, "APPROXIMATE_FROM", 1000)
    assert type(build_index(POINTS, np.ones(POINTS.shape, bool))) is ExactIndex
    assert isinstance(build_index(POINTS), ApproximateIndex)
