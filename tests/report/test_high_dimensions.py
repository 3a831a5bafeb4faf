import numpy as np
import pytest
from jinja2 import UndefinedError

from poleward.report import high_dimensions

pytest.importorskip("matplotlib", reason="figures need the extra `report`")

SAMPLES = {n: np.random.default_rng(n).uniform(0.1, 1, 50) for n in (2, 16, 128)}


def test_a_shell_has_one_panel_per_dimension_on_an_axis_from_the_origin():
    axes = high_dimensions.shells(SAMPLES).axes
    assert [one.get_title() for one in axes] == ["n = 2", "n = 16", "n = 128"]
    assert all(one.get_xlim()[0] == 0 for one in axes)


def test_equators_show_every_dimension_twice():
    left, right = high_dimensions.equators(SAMPLES, SAMPLES).axes
    assert len(left.patches) == len(right.patches) == 3


def test_a_tail_falls_from_all_points_to_one():
    (axes,) = high_dimensions.tails(SAMPLES).axes
    for line in axes.lines:
        assert line.get_ydata()[0] == 1 and line.get_ydata()[-1] == pytest.approx(1 / 50)


def test_a_share_is_drawn_as_its_power_of_ten():
    n, logs = np.array([2, 3]), {"80°": np.log([0.1, 0.01]), "60°": np.log([0.01, 1e-5])}
    (axes,) = high_dimensions.volumes(n, logs, logs).axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [-1, -2])


def test_a_number_that_was_not_measured_is_an_error():
    with pytest.raises(UndefinedError):
        high_dimensions.text({"n_latent": 128})
