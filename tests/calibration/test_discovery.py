import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from poleward.calibration.conformal import Conformal
from poleward.calibration.discovery import Discoveries, fewest_together
from poleward.errors import SettingError

SPLITS = 1000


def level(p_values, m, rate):
    found = Discoveries(m, rate)
    found.add(np.asarray(p_values))
    return found.level()


@given(st.integers(1, 40), st.lists(st.integers(1, 10**6), min_size=1, max_size=60), st.floats(0.01, 0.9))
def test_discoveries_are_those_of_scipy(m, ranks, rate):
    p_values = (np.array(ranks) % (m + 1) + 1) / (m + 1)
    adjusted = false_discovery_control(p_values)
    clear = np.abs(adjusted - rate) > 1e-9  # apart from what rounding decides
    assert np.array_equal((p_values <= level(p_values, m, rate))[clear], (adjusted <= rate)[clear])


@given(st.lists(st.integers(1, 20), max_size=50), st.integers(0, 50))
def test_in_how_many_pieces_p_values_come_does_not_matter(ranks, cut):
    p_values = np.array(ranks, float) / 20
    found = Discoveries(19, 0.3)
    found.add(p_values[:cut])
    found.add(p_values[cut:])
    assert found.n == len(ranks)
    assert found.level() == level(p_values, 19, 0.3)


def test_what_is_kept_does_not_grow_with_the_samples():
    found = Discoveries(9, 0.1)
    for _ in range(100):
        found.add(np.full(1000, 0.5))
    assert found.counts.nbytes == 8 * 11


def test_without_a_sample_there_is_no_discovery():
    assert level([], 9, 0.1) == 0
    assert Discoveries(9, 0.1).warning() is None


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n_odd", "distance"), [(0, 0.0), (5, 4.0), (30, 3.0)])
def test_over_many_splits_the_share_of_false_discoveries_is_at_most_the_rate(n_odd, distance, ties):
    rng, rate, n_normal, m = np.random.default_rng(0), 0.2, 70, 199
    shares = np.empty(SPLITS)
    for split in range(SPLITS):
        scores = rng.normal(size=m + n_normal + n_odd)
        scores[m + n_normal :] += distance
        if ties:
            scores = np.round(2 * scores) / 2
        p_values = Conformal(scores[:m]).p_values(scores[m:])
        called = p_values <= level(p_values, m, rate)
        shares[split] = called[:n_normal].sum() / max(called.sum(), 1)
    assert shares.mean() <= rate * n_normal / (n_normal + n_odd) + 3 * shares.std() / math.sqrt(SPLITS)


def test_clear_anomalies_are_found():
    scores = np.random.default_rng(0).normal(size=1000)
    p_values = Conformal(scores[:900]).p_values(np.append(scores[900:], np.full(20, 9.0)))
    assert (p_values <= level(p_values, 900, 0.1))[100:].all()


@given(st.integers(1, 500), st.integers(1, 500), st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5]))
def test_fewer_than_the_fewest_together_are_never_found(n, m, rate):
    fewest = fewest_together(n, m, rate)
    for at_the_top in (fewest - 1, fewest):
        if 0 < at_the_top <= n:
            p_values = np.where(np.arange(n) < at_the_top, 1 / (m + 1), 1.0)
            assert (level(p_values, m, rate) > 0) == (at_the_top == fewest)


def test_too_few_calibration_samples_are_said_with_what_it_takes():
    found = Discoveries(99, 0.1)
    found.add(np.full(500, 0.9))
    said = found.warning()
    assert said.startswith("99 calibration samples are few for a false discovery rate of 0.1 among 500: at least 50")
    assert said.endswith("4,999 would be needed to show a single one")


def test_calibration_samples_with_which_nothing_can_be_found_are_said():
    found = Discoveries(8, 0.1)
    found.add(np.full(500, 1 / 9))
    assert "no sample can be found" in found.warning()


@pytest.mark.parametrize("p_values", [np.full(50, 0.01), np.full(5, 0.9)])
def test_nothing_is_said_where_there_are_discoveries_or_could_have_been_one(p_values):
    found = Discoveries(99, 0.1)
    found.add(p_values)
    assert found.warning() is None


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_a_rate_outside_0_and_1_is_refused(rate):
    with pytest.raises(SettingError, match=r"fdr = .*: accepted is a number between 0 and 1"):
        Discoveries(9, rate)
