import numpy as np
import pytest

from poleward.correction.density import Density
from poleward.correction.faults import Faults, apart, lone


@pytest.fixture(scope="module")
def ages():
    return np.random.default_rng(0).integers(17, 90, 500)


def test_zeros_far_from_all_other_values_are_doubted(ages):
    values, counts = np.unique(np.where(np.arange(500) < 20, 0, ages).astype(float), return_counts=True)
    assert apart(values, counts).nonzero()[0].tolist() == [0]


def test_a_single_far_value_is_not_doubted():
    values = np.array([0.0, *range(20, 40)])
    assert not apart(values, np.array([1] + [9] * 20)).any()
    assert apart(values, np.array([3] + [9] * 20)).any()


def test_a_frequent_value_is_not_doubted(ages):
    values, counts = np.unique(np.where(np.arange(500) < 250, 0, ages).astype(float), return_counts=True)
    assert not apart(values, counts).any()


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
