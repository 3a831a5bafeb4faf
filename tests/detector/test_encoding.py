import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.detector.detector import Detector
from poleward.detector.encoding import encode, encode_all, padded_chunks
from poleward.records import Features

ALL = frozenset({"inputs", "observed", "means", "log_variances", "reconstructions"})


@given(st.integers(0, 300), st.integers(1, 64))
def test_padded_chunks_have_one_size_and_count_every_sample_once(n, size):
    chunks = list(padded_chunks(n, size))
    assert all(len(rows) == size for rows, _ in chunks)
    assert [row for rows, count in chunks for row in rows[:count]] == list(range(n))
    assert all(rows.min() >= 0 and rows.max() < n for rows, _ in chunks)


@pytest.fixture(scope="module")
def trained():
    X = np.random.default_rng(0).normal(size=(600, 4))
    X[:5, 2] = np.nan
    model = Detector(epochs=1, n_latent=3, random_state=0).fit(X).model_
    observed = ~np.isnan(X)
    return model.ranker.autoencoder, Features(np.nan_to_num(X), observed)


def test_only_what_is_wanted_is_computed(trained):
    autoencoder, features = trained
    for field in ALL:
        encoded = encode(autoencoder, features[:512], frozenset({field}), "cpu")
        assert [name for name, array in vars(encoded).items() if array is not None] == [field]


def test_fields_have_one_flat_row_per_sample(trained):
    autoencoder, features = trained
    encoded = encode_all(autoencoder, features.__getitem__, 600, "table", ALL, "cpu")
    shapes = {name: array.shape for name, array in vars(encoded).items()}
    cells, latent = (600, 4), (600, 3)
    assert shapes == {
        "inputs": cells,
        "observed": cells,
        "means": latent,
        "log_variances": latent,
        "reconstructions": cells,
    }
    assert np.array_equal(encoded.observed, features.observed)


def test_chunks_without_a_gap_count_as_observed_beside_chunks_with_one(trained):
    autoencoder, features = trained

    def load(rows):
        some = features[rows]
        return some if not some.observed.all() else Features(some.values)

    encoded = encode_all(autoencoder, load, 600, "table", frozenset({"inputs", "observed"}), "cpu")
    assert np.array_equal(encoded.observed, features.observed)


def test_rows_are_encoded_in_float64_and_depend_on_nothing_beside_them(trained):
    autoencoder, features = trained
    whole = encode_all(autoencoder, features.__getitem__, 600, "table", ALL, "cpu")
    backwards = encode_all(autoencoder, lambda rows: features[599 - rows], 600, "table", ALL, "cpu")
    for name in ("means", "log_variances", "reconstructions"):
        assert getattr(whole, name).dtype == np.float64
        assert np.array_equal(getattr(whole, name), getattr(backwards, name)[::-1])
