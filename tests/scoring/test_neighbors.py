import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from poleward.scoring.neighbors import POINTS, QUERIES, ExactIndex


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def brute_force(points, queries, k, stored=None, seen=None):
    """The k smallest distances of each query, from all differences in float64."""
    both = np.ones((len(queries), len(points), points.shape[1]), bool)
    if stored is not None:
        both &= stored
    if seen is not None:
        both &= seen[:, None]
    squares = np.where(both, queries[:, None].astype(np.float64) - points, 0) ** 2
    count = both.sum(2)
    scaled = squares.sum(2) * points.shape[1] / np.maximum(count, 1)
    return np.sort(np.sqrt(np.where(count > 0, scaled, np.inf)), axis=1)[:, :k]


def lattice(*shape, seed=0):
    """Points of a coarse lattice: many at one and the same distance."""
    return np.random.default_rng(seed).integers(0, 3, shape) * 0.1


CLOUDS = {
    "normal": normal(500, 8),
    "single precision": normal(500, 8).astype(np.float32),
    "many points, groups and all": normal(1500, 8),
    "one dimension": normal(300, 1),
    "more dimensions than points": normal(20, 60),
    "ties": lattice(500, 3),
    "duplicates": np.repeat(normal(12, 5), 40, axis=0),
    "far from the origin": normal(500, 4) + 1e6,
    "two clusters far apart": normal(500, 4) + np.repeat([[-1e6], [1e6]], 250, axis=0),
    "one point far away": np.concatenate([normal(500, 4), np.full((1, 4), 1e7)]),
    "tiny": normal(500, 4) * 1e-12,
    "one and the same point": np.ones((200, 3)),
}

every_cloud = pytest.mark.parametrize("points", CLOUDS.values(), ids=CLOUDS)


@every_cloud
@pytest.mark.parametrize("k", [1, 4, 17])
def test_distances_are_those_of_brute_force(points, k):
    queries = points[::7] + 0.3 * points.std() * normal(*points[::7].shape, seed=1)
    found = ExactIndex(points).distances(queries, k)
    assert np.allclose(found, brute_force(points, queries, k), rtol=1e-12, atol=0)


def test_of_two_points_that_rounding_cannot_tell_apart_the_nearer_is_found():
    queries = 30 * normal(100, 64)
    near, nearly_as_near = normal(2, 100, 64, seed=1)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    nearly_as_near /= np.linalg.norm(nearly_as_near, axis=1, keepdims=True) / 1.00002
    points = np.concatenate([queries + near, queries + nearly_as_near]).astype(np.float32)
    queries = queries.astype(np.float32)
    found = ExactIndex(points).distances(queries, 1)
    assert np.allclose(found, brute_force(points, queries, 1), rtol=1e-12)


@every_cloud
def test_stored_points_find_themselves_at_distance_zero(points):
    assert not ExactIndex(points).distances(points, 1).any()


@every_cloud
def test_the_rows_found_lie_at_the_distances_found(points):
    queries = points[::7] + 0.1
    distances, rows = ExactIndex(points).search(queries, 5)
    difference = points[rows].astype(np.float64) - queries[:, None]
    assert np.allclose(np.sqrt((difference**2).sum(2)), distances, rtol=1e-13)
    assert all(len(set(few)) == 5 for few in rows)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("n", [POINTS + 1, 2 * POINTS + 300])
def test_points_of_several_tiles_are_all_searched(masked, n):
    points = normal(n, 4)
    queries = points[[0, POINTS - 1, POINTS, n - 1]] + 0.01
    stored = np.random.default_rng(2).random((n, 4)) > 0.1 if masked else None
    found = ExactIndex(points, stored).distances(queries, 6)
    assert np.allclose(found, brute_force(points, queries, 6, stored), rtol=1e-12)


def test_more_queries_than_are_handled_at_a_time():
    points, queries = normal(300, 3), normal(2 * QUERIES + 5, 3, seed=1)
    assert np.allclose(ExactIndex(points).distances(queries, 2), brute_force(points, queries, 2), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_as_many_neighbours_as_points_can_be_asked_for(n):
    points, queries = normal(n, 3), normal(4, 3, seed=1)
    found, rows = ExactIndex(points).search(queries, n)
    assert np.allclose(found, brute_force(points, queries, n), rtol=1e-13)
    assert (np.sort(rows, axis=1) == np.arange(n)).all()


GAPS = {
    "in both": (0.3, 0.3),
    "in the stored points": (0.3, None),
    "in the queries": (None, 0.3),
    "nearly everywhere": (0.8, 0.8),
}


@pytest.mark.parametrize(("stored_gaps", "query_gaps"), GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_unobserved_cells_are_left_out_and_the_distance_scaled_up(stored_gaps, query_gaps, offset):
    points, queries = normal(400, 5) + offset, normal(40, 5, seed=1) + offset
    stored, seen = (
        None if share is None else np.random.default_rng(2).random(shape) > share
        for share, shape in ((stored_gaps, points.shape), (query_gaps, queries.shape))
    )
    found = ExactIndex(points, stored).distances(queries, 4, seen)
    assert np.allclose(found, brute_force(points, queries, 4, stored, seen), rtol=1e-9)


def test_points_without_a_common_cell_are_infinitely_far_and_never_hide_near_ones():
    points = normal(50, 4)
    stored = np.zeros((50, 4), bool)
    stored[:45, :2] = stored[45:, 2:] = True
    seen = np.array([[False, False, True, True]])
    found, rows = ExactIndex(points, stored).search(points[:1], 6, seen)
    assert set(rows[0, :5]) == set(range(45, 50)) and np.isfinite(found[0, :5]).all()
    assert found[0, 5] == np.inf


def test_the_values_of_unobserved_cells_do_not_count():
    points, queries = normal(60, 4), normal(9, 4, seed=1)
    stored, seen = normal(60, 4, seed=2) > -0.5, normal(9, 4, seed=3) > -0.5
    found = ExactIndex(points, stored).distances(queries, 3, seen)
    other = ExactIndex(np.where(stored, points, 77), stored).distances(np.where(seen, queries, -5), 3, seen)
    assert np.allclose(found, other, rtol=1e-12)


def test_a_mask_of_ones_is_no_mask():
    points, queries = normal(400, 7), normal(40, 7, seed=1)
    plain = ExactIndex(points).distances(queries, 3)
    assert np.array_equal(ExactIndex(points, np.ones(points.shape, bool)).distances(queries, 3), plain)
    assert np.array_equal(ExactIndex(points).distances(queries, 3, np.ones(queries.shape, bool)), plain)


@every_cloud
@pytest.mark.parametrize("size", [1, 2, 5, 33])
def test_distances_are_the_same_bits_whatever_the_other_queries(points, size):
    queries = points[::3] + 0.1
    index = ExactIndex(points)
    together = index.distances(queries, 4)
    apart = [index.distances(queries[start : start + size], 4) for start in range(0, len(queries), size)]
    assert np.array_equal(np.concatenate(apart), together)


@pytest.mark.parametrize("gaps", ["nowhere", "elsewhere"])
def test_distances_are_the_same_bits_whether_or_not_other_queries_have_gaps(gaps):
    points, queries = normal(400, 7), normal(40, 7, seed=1)
    seen = np.ones(queries.shape, bool)
    seen[20:, 0] = gaps == "nowhere"
    index = ExactIndex(points)
    assert np.array_equal(index.distances(queries, 3, seen)[:20], index.distances(queries[:20], 3))


coordinates = st.floats(-100, 100, width=32)
clouds = st.tuples(st.integers(1, 30), st.integers(1, 4)).flatmap(
    lambda shape: arrays.arrays(np.float64, shape, elements=coordinates)
)


@given(clouds, st.integers(1, 30))
def test_any_points_have_their_brute_force_distances(points, k):
    assume(k <= len(points))
    queries = points[::-1] * 0.9
    told_apart = 1e-7 * max(1e-2, float(np.abs(points).max()))  # nearer points are one in |b|^2 - 2 a.b
    found = ExactIndex(points).distances(queries, k)
    assert np.allclose(found, brute_force(points, queries, k), rtol=1e-9, atol=told_apart)


@given(clouds)
def test_distances_ascend_and_are_never_negative(points):
    found = ExactIndex(points).distances(points, len(points))
    assert (found >= 0).all() and (np.diff(found, axis=1) >= 0).all()


@given(clouds, arrays.arrays(np.float64, 4, elements=coordinates))
def test_moving_everything_leaves_the_distances(points, shift):
    moved = points + shift[: points.shape[1]]
    k = min(3, len(points))
    expected = ExactIndex(points).distances(points, k)
    assert np.allclose(ExactIndex(moved).distances(moved, k), expected, atol=1e-9)


@given(clouds)
def test_a_further_point_never_makes_a_neighbour_farther(points):
    assume(len(points) > 1)
    fewer, all_points = ExactIndex(points[:-1]), ExactIndex(points)
    k = len(points) - 1
    assert (all_points.distances(points, k) <= fewer.distances(points, k)).all()
