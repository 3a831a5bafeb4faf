from xml.etree import ElementTree

import numpy as np
import pytest

from poleward.report.angles import BINS, ROWS, chart, ridges


def even_cosines(n, k, seed=0):
    v = np.random.default_rng(seed).normal(size=(n, k))
    tails = np.sqrt(np.cumsum(v[:, ::-1] ** 2, axis=1)[:, ::-1])
    return (v / tails)[:, :-1]


@pytest.mark.parametrize("n_angles", [1, 5, 12, 13, 127])
def test_every_angle_is_in_exactly_one_row(n_angles):
    rows = ridges(even_cosines(50, n_angles + 1))
    assert len(rows) <= ROWS
    assert [k for row in rows for k in range(row.first, row.last + 1)] == list(range(1, n_angles + 1))


def test_a_density_sums_to_one():
    for row in ridges(even_cosines(300, 32)):
        assert row.density.sum() * 2 / BINS == pytest.approx(1)


def test_an_even_sphere_has_the_spread_that_its_band_shows():
    cosines = even_cosines(4000, 60)
    for row in ridges(cosines):
        assert cosines[:, row.first - 1 : row.last].std() == pytest.approx(row.uniform_std, rel=0.05)
        assert abs(row.mean) < 0.02


def test_a_compressed_model_has_its_mean_where_its_cosines_are():
    assert {round(row.mean, 6) for row in ridges(np.full((9, 20), 0.3))} == {0.3}


def test_the_chart_is_well_formed_and_says_the_means():
    svg = ElementTree.fromstring(chart("Compressed", np.full((9, 20), 0.3)))
    assert svg.get("aria-label") == "Compressed: mean cosine 0.30 of the first angles, 0.30 of the last"
    assert len([path for path in svg.iter("path") if path.get("class") == "ridge"]) == ROWS


def test_a_name_that_is_markup_is_escaped():
    svg = chart('<script>"', even_cosines(5, 4))
    assert "<script>" not in svg
    ElementTree.fromstring(svg)


def test_a_ridge_peaks_at_its_cosine():
    svg = ElementTree.fromstring(chart("one", np.full((9, 1), 0.5)))
    path = next(path for path in svg.iter("path") if path.get("class") == "ridge")
    points = [tuple(map(float, step.split())) for step in path.get("d")[1:].removesuffix(" Z").split(" L")]
    peak = min(points, key=lambda point: point[1])
    middle = 74 + (400 - 74) * 1.5 / 2
    assert peak[0] == pytest.approx(middle, abs=5)
