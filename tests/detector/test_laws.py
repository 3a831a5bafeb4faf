"""What holds of every detector, whatever its data: the same bits on any number of threads, repair that repairs once."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from threadpoolctl import threadpool_limits

from poleward.detector.detector import Detector

QUICK = {"epochs": 2, "n_latent": 3, "random_state": 0}


def rows(seed=0, n=200):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(size=n), rng.normal(size=n).cumsum() / n, rng.integers(0, 3, n)])


def images(seed=0, n=40):
    return np.random.default_rng(seed).integers(0, 255, (n, 8, 8, 2), dtype=np.uint8)


def on_threads(n, act):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(n)
        with threadpool_limits(n):
            return act()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("data", [rows, images])
def test_scores_have_the_same_bits_on_one_thread_and_on_two(data):
    detector = Detector(**QUICK).fit(data())
    one, two = (on_threads(n, lambda: detector.score_samples(data(1))) for n in (1, 2))
    assert np.array_equal(one, two)


def test_a_table_is_learned_to_the_same_bits_on_one_thread_and_on_two():
    one, two = (on_threads(n, lambda: Detector(**QUICK).fit(rows()).score_samples(rows(1))) for n in (1, 2))
    assert np.array_equal(one, two)


def test_what_was_repaired_is_not_repaired_again():
    cities = {"city": ["Bern"] * 60 + ["Basel"] * 60, "code": ["30"] * 60 + ["40"] * 59 + ["4O"]}
    detector = Detector(**QUICK, correction=True).fit(pa.table(cities))
    once = detector.correct(pa.table(cities))
    assert once.mask.sum() == 1
    again = detector.correct(once.data)
    assert not again.mask.any()
    assert again.data.equals(once.data)
