import numpy as np
import pytest

from poleward.correction.density import Density, Tail, step_of


def test_a_number_does_not_count_itself():
    density = Density.of(np.array([*range(50), 500.0]))
    assert density.mass(np.array([500.0]))[0] == pytest.approx(density.mass(np.array([499.0]))[0], rel=0.2)


def test_all_numbers_together_have_about_probability_one():
    x = np.random.default_rng(0).integers(0, 40, 3000).astype(float)
    assert Density.of(x).mass(np.arange(40.0)).sum() == pytest.approx(1, abs=0.05)


def test_numbers_are_no_rarer_for_being_new_where_all_are():
    crowded, sparse = np.arange(40, dtype=float).repeat(24), np.linspace(1000, 9000, 41)
    density = Density.of(np.concatenate([crowded, sparse]))
    assert density.repeated > 0.9
    assert density.mass(np.arange(1000.0, 9001.0)).sum() == pytest.approx(0.041, abs=0.006)


def test_a_number_off_the_grid_is_as_rare_as_it_is():
    density = Density.of(np.array([*np.arange(2000.0), 0.5]))
    assert density.mass(np.array([0.5]))[0] < 0.2 * density.mass(np.array([7.0]))[0]


@pytest.mark.parametrize(("x", "step"), [([0, 0, 3, 7], 1), ([0.5, 1.25], 0.01), ([100, 2500], 100)])
def test_the_step_is_that_in_which_numbers_are_written(x, step):
    assert step_of(np.array(x, float)) == pytest.approx(step)


def test_numbers_of_many_digits_are_written_in_no_step():
    assert Density.of(np.random.default_rng(0).normal(size=50)).continuous


def test_a_density_survives_storage():
    density = Density.of(np.random.default_rng(0).integers(0, 9, 90).astype(float))
    x = np.array([-3.0, 4.0, 4.5, 20.0])
    assert (Density.restore(density.to_arrays()).mass(x) == density.mass(x)).all()


def test_a_tail_goes_on_as_it_began():
    x = np.random.default_rng(0).exponential(1, 100_000)
    tail = Tail.of(np.sort(x), np.ones(len(x)), 1e-9, 1)
    assert tail.shape == pytest.approx(0, abs=0.06) and tail.scale == pytest.approx(1, rel=0.1)
    assert tail.survival(np.log(1000)) == pytest.approx(0.001, rel=0.3)


def test_a_tail_is_its_density_summed():
    tail = Tail(sign=-1, start=-2.0, shape=0.3, scale=1.5)
    x = np.linspace(-2, -60, 200_001)
    assert tail.density(x).sum() * (x[0] - x[1]) == pytest.approx(tail.survival(-2.0) - tail.survival(-60.0), rel=1e-3)


def test_two_cells_that_agree_far_out_are_a_value():
    x = np.repeat([*range(100), 5000.0], [*[7] * 100, 2])
    assert Density.of(x).mass(np.array([5000.0]))[0] > 100 * Density.of(x).mass(np.array([4000.0]))[0]


@pytest.mark.parametrize("x", [np.zeros(90), np.full(90, 1e149), np.geomspace(1e-200, 1e149, 90)])
def test_extreme_numbers_are_looked_up_without_a_warning(x):
    far = np.array([0.0, 1e150, -1e150, 1e-300])
    assert np.isfinite(Density.of(x).mass(far)).all() and np.isfinite(Density.of(x).rounded(far)).all()
