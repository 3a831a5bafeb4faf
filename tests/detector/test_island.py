import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.detector.island import Island


@given(st.integers(2, 30), st.integers(2, 8), st.integers(0, 99))
def test_the_root_squared_is_the_covariance_of_the_codes(n, k, seed):
    codes = np.random.default_rng(seed).normal(size=(n, k))
    root = Island.of(codes).root
    np.testing.assert_allclose(root, root.T, atol=1e-12)
    np.testing.assert_allclose(root @ root, np.cov(codes, rowvar=False), atol=1e-12)


def test_draws_have_the_mean_and_the_covariance_of_the_codes():
    codes = np.random.default_rng(0).normal(size=(500, 3)) @ np.array([[1, 0, 0], [2, 1, 0], [0, 0, 0.1]]) + [5, 0, -5]
    drawn = Island.of(codes).draw(40_000, seed=1)
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), np.cov(codes, rowvar=False), atol=0.1)


def test_codes_that_are_all_the_same_are_the_only_draw():
    drawn = Island.of(np.tile([1.0, 2.0], (9, 1))).draw(5, seed=0)
    assert np.array_equal(drawn, np.tile([1.0, 2.0], (5, 1)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_seed_draws_the_same(dtype):
    island = Island.of(np.eye(3, dtype=dtype))
    assert np.array_equal(island.draw(4, seed=7), island.draw(4, seed=7))
    assert not np.array_equal(island.draw(4, seed=7), island.draw(4, seed=8))
