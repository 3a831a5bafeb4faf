import numpy as np
import pytest

from poleward.correction.bands import Covariance
from poleward.correction.lenses import line, region, spot, streak, surroundings, views


def sky(shape=(1, 1, 21, 21)):
    return np.zeros(shape), np.ones(shape, bool)


def test_a_pixel_does_not_speak_for_itself():
    cells, known = sky()
    cells[0, 0, 10, 10] = 7.0
    assert abs(surroundings(cells, known)[0, 0, 10, 10]) < 1e-12
    assert spot(cells, known)[0, 0, 10, 10] == pytest.approx(7.0)


def test_one_hot_pixel_does_not_make_its_neighbours_stand_out():
    cells, known = sky()
    cells[0, 0, 10, 10] = 1000.0
    out = spot(cells, known)
    assert out[0, 0, 10, 10] > 900
    assert np.abs(out[0, 0, 10, 11]) < 10


def test_hidden_cells_speak_for_none():
    cells, known = sky()
    cells[0, 0, 8:13, 8:13] = 1e6
    known[0, 0, 8:13, 8:13] = False
    assert not surroundings(cells, known).any()


def test_a_smooth_level_is_its_own_surroundings():
    cells, known = sky()
    cells += 3.0
    assert np.allclose(surroundings(cells, known)[0, 0, 4:-4, 4:-4], 3.0, rtol=0.05)


def test_one_pixel_makes_no_region():
    one, block = sky()[0], sky()[0]
    one[0, 0, 10, 10] = 1000.0
    block[0, 0, 7:14, 7:14] = 3.0
    observed = sky()[1]
    assert region(one, observed).max() < 0.2 * region(block, observed).max()


@pytest.mark.parametrize("axis", [2, 3])
def test_a_faint_line_stands_out_along_its_whole_length(axis):
    cells = np.random.default_rng(0).normal(size=(1, 1, 41, 41))
    known = np.ones(cells.shape, bool)
    np.moveaxis(cells, axis, -1)[0, 0, 20] += 2.0
    found = np.moveaxis(np.abs(line(cells, known, known, axis)), axis, -1)[0, 0]
    assert np.ptp(found, axis=1).max() == 0
    assert found[:, 0].argmax() == 20


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.0, -1.0])
def test_a_streak_stands_out_in_any_direction(slope):
    out, observed = sky((1, 1, 31, 31))
    for x in range(31):
        out[0, 0, int(np.rint(15 + slope * (x - 15))), x] = 2.0
    dots = sky((1, 1, 31, 31))[0]
    dots[0, 0, 15, 15] = 2.0
    assert streak(out, observed)[0, 0, 15, 15] > 4 * streak(dots, observed)[0, 0, 15, 15]


@pytest.mark.parametrize(("bands", "lenses"), [(1, 5), (3, 6)])
def test_bands_are_compared_where_there_are_several(bands, lenses):
    cells, known = sky((2, bands, 9, 12))
    assert views(cells, known, known, Covariance(np.eye(bands))).shape == (lenses, *cells.shape)
