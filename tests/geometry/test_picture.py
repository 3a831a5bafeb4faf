import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from poleward.errors import SettingError
from poleward.geometry.picture import block_starts, on_sphere

CODES = st.integers(3, 20).flatmap(lambda k: arrays(np.float64, (5, k), elements=st.floats(-1e6, 1e6)))


@given(st.integers(3, 5000))
def test_the_blocks_are_consecutive_and_almost_equal(k):
    sizes = np.diff(block_starts(k), append=k)
    assert sizes.sum() == k and np.ptp(sizes) <= 1


def test_256_coordinates_make_85_85_and_86():
    assert np.diff(block_starts(256), append=256).tolist() == [85, 85, 86]


def test_a_point_is_the_direction_of_the_block_means():
    codes = np.random.default_rng(0).normal(size=(4, 256))
    means = np.stack([codes[:, :85].mean(axis=1), codes[:, 85:170].mean(axis=1), codes[:, 170:].mean(axis=1)], axis=1)
    np.testing.assert_allclose(on_sphere(codes), means / np.linalg.norm(means, axis=1, keepdims=True))


@given(CODES)
def test_every_point_lies_on_the_sphere_or_at_the_origin(codes):
    length = np.linalg.norm(on_sphere(codes), axis=1)
    assert (np.isclose(length, 1) | (length == 0)).all()


@pytest.mark.parametrize("scale", [1e-150, 1e160])
def test_only_the_direction_of_a_code_counts(scale):
    codes = np.random.default_rng(0).normal(size=(4, 9))
    np.testing.assert_allclose(on_sphere(scale * codes), on_sphere(codes))


def test_a_code_without_direction_stays_at_the_origin():
    assert on_sphere(np.zeros((1, 3))).tolist() == [[0, 0, 0]]


def test_no_codes_make_no_points():
    assert on_sphere(np.empty((0, 8))).shape == (0, 3)


def test_codes_of_two_dimensions_are_refused():
    with pytest.raises(SettingError, match="at least 3 dimensions; these have 2"):
        on_sphere(np.ones((4, 2)))
