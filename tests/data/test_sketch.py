import numpy as np
import pytest

from poleward.data.sketch import LENGTH, sketches
from poleward.records import Features

RNG = np.random.default_rng(0)


def mean_square(a, b):
    return np.square(a - b).reshape(len(a), -1).mean(axis=1)


def gaps(one, other):
    return np.square(sketches(Features(one)) - sketches(Features(other))).sum(axis=1)


def test_narrow_rows_keep_their_distances():
    one, other = RNG.normal(size=(2, 30, LENGTH))
    np.testing.assert_allclose(gaps(one, other), mean_square(one, other), rtol=1e-4)


@pytest.mark.parametrize("shape", [(500,), (3, 20, 24)])
def test_wide_samples_keep_them_within_a_few_parts_in_eleven(shape):
    one, other = RNG.normal(size=(2, 300, *shape))
    ratio = gaps(one, other) / mean_square(one, other)
    assert abs(ratio.mean() - 1) < 0.05 and 0.1 < ratio.std() < 0.25


def test_a_large_image_has_the_sketch_of_its_means():
    small = RNG.normal(size=(4, 2, 32, 32))
    large = small.repeat(3, axis=2).repeat(2, axis=3)
    np.testing.assert_allclose(sketches(Features(large)), sketches(Features(small)), rtol=1e-4, atol=1e-6)


def test_a_sketch_is_of_its_own_sample_alone():
    rows = RNG.normal(size=(9, 200))
    np.testing.assert_array_equal(sketches(Features(rows))[4:5], sketches(Features(rows[4:5])))
