import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from poleward.data.fingerprint import data_fingerprint, fingerprints
from poleward.records import Features

SAMPLES = hnp.arrays(st.sampled_from([float, "float32"]), st.just((6, 2, 3)), elements=st.integers(-2, 2))


@given(SAMPLES, st.permutations(range(6)), st.integers(1, 6))
def test_a_fingerprint_does_not_depend_on_the_batch(values, order, size):
    features = Features(values, values != 2)
    rows = order[:size]
    np.testing.assert_array_equal(fingerprints(features[rows]), fingerprints(features)[rows])


@given(SAMPLES)
def test_two_samples_share_a_fingerprint_exactly_if_they_are_equal(values):
    prints = fingerprints(Features(values))
    equal = (values[:, None] == values[None]).all(axis=(2, 3))
    np.testing.assert_array_equal(prints[:, None] == prints[None], equal)


def test_fingerprints_have_64_bits():
    prints = fingerprints(Features(np.arange(200.0).reshape(100, 2)))
    assert prints.dtype == np.uint64
    assert prints.max() > 2**62


def test_complete_samples_need_no_mask():
    values = np.arange(4.0).reshape(2, 2)
    masked = fingerprints(Features(values, np.array([[True, True], [True, False]])))
    bare = fingerprints(Features(values))
    assert (masked == bare).tolist() == [True, False]


@pytest.mark.parametrize("missing", [(0,), (1,), (0, 1)])
def test_a_missing_cell_differs_from_its_centre_and_from_another_missing_cell(missing):
    observed = np.ones((1, 3), dtype=bool)
    observed[:, missing] = False
    other = np.array([[True, True, False]])
    values = np.zeros((1, 3))
    assert fingerprints(Features(values, observed)) != fingerprints(Features(values))
    assert fingerprints(Features(values, observed)) != fingerprints(Features(values, other))


@pytest.mark.parametrize(
    "view", [np.asfortranarray, lambda v: v.astype(">f8"), lambda v: np.repeat(v, 2, axis=1)[:, ::2]]
)
def test_the_order_of_bytes_and_axes_in_memory_does_not_matter(view):
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(fingerprints(Features(view(values))), fingerprints(Features(values)))


def test_no_sample_has_no_fingerprint():
    assert fingerprints(Features(np.empty((0, 3)))).shape == (0,)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2), st.randoms(use_true_random=False))
def test_a_collection_is_known_in_any_order(prints, random):
    shuffled = random.sample(prints, len(prints))
    assert data_fingerprint(np.array(shuffled, np.uint64)) == data_fingerprint(np.array(prints, np.uint64))


def test_a_collection_with_one_sample_more_is_another():
    one, two = np.array([7], np.uint64), np.array([7, 7], np.uint64)
    assert data_fingerprint(one) != data_fingerprint(two)
    assert len(data_fingerprint(one)) == 32
