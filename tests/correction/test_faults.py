import numpy as np
import pytest

from poleward.correction.density import Density
from poleward.correction.faults import Faults, apart, lone


@pytest.fixture(scope="module")
def ages():
    return np.random.default_rng(0).integers(17, 90, 500)


def test_zeros_far_from_all_other_values_are_doubted(ages):
    values, counts = np.unique(np.where(np.arange(500) < 20, 0, ages).astype(float), return_counts=True)
    assert apart(values, counts, 1.0).nonzero()[0].tolist() == [0]


def test_a_single_far_value_is_not_doubted():
    values = np.array([0.0, *range(20, 40)])
    assert not apart(values, np.array([1] + [9] * 20), 1.0).any()
    assert apart(values, np.array([3] + [9] * 20), 1.0).any()


def test_a_frequent_value_is_not_doubted(ages):
    values, counts = np.unique(np.where(np.arange(500) < 250, 0, ages).astype(float), return_counts=True)
    assert not apart(values, counts, 1.0).any()


def test_a_lone_frequent_value_at_the_end_is_doubted_and_a_rare_one_is_not():
    values = np.array([0.0, *range(17, 90)])
    assert lone(values, np.array([40.0] + [5.0] * 73)).nonzero()[0].tolist() == [0]
    assert not lone(values, np.array([6.0] + [5.0] * 73)).any()


@pytest.mark.parametrize("factor", [1000.0, 0.001, 2.54, 0.45, -1.0])
def test_a_unit_that_some_cells_share_is_found(factor):
    heights = np.random.default_rng(1).normal(170, 9, 800).round()
    mixed = np.where(np.arange(800) % 20 == 0, heights * factor, heights)
    faults = Faults.of(Density.of(mixed))
    assert faults.factors.tolist() == [factor] and 0.03 < faults.shares[0] < 0.06


def test_no_unit_is_found_where_there_is_none():
    heights = np.random.default_rng(1).normal(170, 9, 800).round(1)
    noisy = np.where(np.arange(800) % 20 == 0, np.random.default_rng(2).uniform(-500, 900, 800).round(1), heights)
    assert not len(Faults.of(Density.of(heights)).factors) and not len(Faults.of(Density.of(noisy)).factors)


def test_numbers_far_out_are_put_down_to_chance_and_those_among_others_are_not():
    x = np.concatenate([np.random.default_rng(3).normal(0, 1, 2000), [9.0, -11.0, 14.0]])
    density = Density.of(x)
    wrong = Faults.of(density).astray * density.anywhere() / density.mass(np.array([0.0, 1.0, 14.0]))
    assert (wrong > 0.5).tolist() == [False, False, True]


def test_a_group_that_a_long_tail_explains_is_not_doubted():
    values, counts = np.unique(np.random.default_rng(4).standard_cauchy(400).round(2), return_counts=True)
    assert np.diff(values).max() > 0.2 * np.ptp(values[:-3]) and not apart(values, counts, 0.01).any()


@pytest.mark.parametrize("law", ["normal", "lognormal", "exponential", "standard_t", "mostly zero"])
def test_few_numbers_of_a_clean_column_are_suspected(law):
    rng = np.random.default_rng(5)
    x = rng.standard_t(3, 2000) if law == "standard_t" else getattr(rng, law, rng.lognormal)(size=2000)
    x = np.where(rng.random(2000) < 0.9, 0.0, x) if law == "mostly zero" else x
    density = Density.of(x.round(3))
    assert (Faults.of(density).astray * density.anywhere() > 0.7 * density.mass(x.round(3))).mean() < 0.005


@pytest.mark.parametrize("times", [10, 100, 10_000])
def test_a_single_number_far_out_is_suspected_however_far(times):
    x = np.append(np.random.default_rng(6).integers(5, 400, 299), 400 * times).astype(float)
    density = Density.of(x)
    assert (Faults.of(density).astray * density.anywhere() > density.mass(x)).nonzero()[0].tolist() == [299]


def test_a_column_of_two_values_has_tails_and_nothing_between():
    density = Density.of(np.repeat([0.0, 1.0], [1000, 900]))
    assert 0 < Faults.of(density).astray <= 0.05 and (density.mass(np.array([0.0, 1.0])) > 0.4).all()
