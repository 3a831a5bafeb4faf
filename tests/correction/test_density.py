import numpy as np
import pytest

from poleward.correction.density import Density, step_of


def test_a_number_does_not_count_itself():
    density = Density.of(np.array([*range(50), 500.0]))
    assert density.mass(np.array([500.0]))[0] == pytest.approx(density.mass(np.array([499.0]))[0], rel=0.2)


def test_all_numbers_together_have_about_probability_one():
    x = np.random.default_rng(0).integers(0, 40, 3000).astype(float)
    assert Density.of(x).mass(np.arange(40.0)).sum() == pytest.approx(1, abs=0.05)


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
