import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from poleward.errors import SettingError
from poleward.geometry.volume import (
    expected_absolute_cosine,
    gaussian_radius_mean,
    gaussian_radius_std,
    log_ball_volume,
    log_cap_area,
    log_cap_volume,
    log_share_within_all_angles,
    log_share_within_angle,
    log_shell_share,
    log_sphere_area,
    log_volume_element,
)

DEGREES_80 = np.deg2rad(80)
WITH_A_LIMIT = [log_cap_area, log_cap_volume, log_share_within_angle, log_share_within_all_angles]
OF_DIMENSIONS = [
    log_sphere_area,
    log_ball_volume,
    gaussian_radius_mean,
    gaussian_radius_std,
    expected_absolute_cosine,
]

dimensions = st.integers(2, 4096)
angles = st.floats(1e-3, np.pi)


@pytest.mark.parametrize(("n", "area"), [(2, 2 * np.pi), (3, 4 * np.pi), (4, 2 * np.pi**2)])
def test_the_sphere_has_its_known_area(n, area):
    assert np.exp(log_sphere_area(n)) == pytest.approx(area, rel=1e-13)


@pytest.mark.parametrize(("n", "volume"), [(2, np.pi), (3, 4 / 3 * np.pi), (4, np.pi**2 / 2)])
def test_the_ball_has_its_known_volume(n, volume):
    assert np.exp(log_ball_volume(n)) == pytest.approx(volume, rel=1e-13)


@pytest.mark.parametrize("angle", [1e-3, 0.4, np.pi / 2, 2.0, np.pi])
def test_a_cap_of_the_ordinary_sphere_has_its_known_area_and_volume(angle):
    height = 2 * np.sin(angle / 2) ** 2  # 1 - cos, without its cancellation
    assert np.exp(log_cap_area(3, angle)) == pytest.approx(2 * np.pi * height, rel=1e-12)
    assert np.exp(log_cap_volume(3, angle)) == pytest.approx(np.pi * height**2 * (3 - height) / 3, rel=1e-12)


@pytest.mark.parametrize("angle", [1e-3, 1.0, 3.0])
def test_a_circle_s_arc_and_segment_have_their_known_sizes(angle):
    assert np.exp(log_cap_area(2, angle)) == pytest.approx(2 * angle, rel=1e-12)
    segment, _ = quad(lambda t: 2 * np.sin(t) ** 2, 0, angle, epsabs=0)
    assert np.exp(log_cap_volume(2, angle)) == pytest.approx(segment, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 5, 9, 40])
@pytest.mark.parametrize("limit", [0.05, 0.8, 1.5, 2.2, 3.1])
def test_the_share_within_an_angle_agrees_with_quadrature(n, limit):
    def density(angle):
        return np.sin(angle) ** (n - 2)

    part, _ = quad(density, 0, limit, epsabs=0, limit=200)
    whole, _ = quad(density, 0, np.pi, epsabs=0)
    assert log_share_within_angle(n, limit) == pytest.approx(np.log(part / whole), abs=1e-9)


@pytest.mark.parametrize("n", [2, 3, 6])
def test_the_shares_agree_with_random_directions(n):
    points = np.random.default_rng(0).normal(size=(200_000, n))
    tails = np.sqrt(np.cumsum(points[:, ::-1] ** 2, axis=1))[:, ::-1]
    below = np.arccos(points[:, :-1] / tails[:, :-1]) <= 1.3  # the last one is |phi|
    assert np.exp(log_share_within_angle(n, 1.3)) == pytest.approx(below[:, 0].mean(), abs=0.005)
    assert np.exp(log_share_within_all_angles(n, 1.3)) == pytest.approx(below.all(axis=1).mean(), abs=0.005)


def test_limiting_one_angle_to_80_degrees_leaves_little_of_the_sphere():
    assert log_share_within_angle(128, DEGREES_80) == pytest.approx(-3.7, abs=0.05)


def test_limiting_every_polar_angle_to_80_degrees_leaves_e_to_the_minus_310():
    last = np.log(DEGREES_80 / np.pi)
    assert log_share_within_all_angles(128, DEGREES_80) - last == pytest.approx(-310.4, abs=0.05)


def test_limiting_all_angles_is_limiting_the_first_and_then_those_of_a_smaller_sphere():
    rest = log_share_within_all_angles(40, 1.2)
    assert log_share_within_all_angles(41, 1.2) == pytest.approx(log_share_within_angle(41, 1.2) + rest, rel=1e-13)


@given(dimensions, angles)
def test_a_share_and_its_mirror_image_make_a_whole(n, limit):
    mirrored = np.array([limit, np.pi - limit])
    assert np.exp(log_share_within_angle(n, mirrored)).sum() == pytest.approx(1, abs=1e-10)


@given(dimensions, angles, st.floats(1.001, 2))
def test_a_wider_limit_never_leaves_less(n, limit, factor):
    wider = min(limit * factor, np.pi)
    for share in WITH_A_LIMIT:
        assert share(n, wider) >= share(n, limit) - 1e-9


@pytest.mark.parametrize("share", WITH_A_LIMIT)
@pytest.mark.parametrize("n", [2, 129, 1000, 4096])
def test_a_share_is_finite_from_a_milliradian_to_pi(share, n):
    limits = np.array([1e-3, 1e-2, 0.1, 0.5, 0.9, 1.2, 1.57, np.pi / 2, 3.0, np.pi])
    values = share(n, limits)
    assert values.shape == limits.shape
    assert np.all(np.isfinite(values))
    assert np.all(np.diff(values) >= 0)


@pytest.mark.parametrize("n", [300, 1000, 4096])
def test_the_series_for_tiny_shares_continues_the_incomplete_beta_function(n):
    limits = np.linspace(0.05, 1.5, 2000)
    logs = log_share_within_angle(n, limits)
    slopes = np.exp((n - 2) * np.log(np.sin(limits)) - log_sphere_area(n) + log_sphere_area(n - 1) - logs)
    assert logs[0] < np.log(1e-300)  # both branches were met
    middle = (slopes[1:] + slopes[:-1]) / 2
    np.testing.assert_allclose(np.diff(logs), middle * np.diff(limits), rtol=1e-3, atol=1e-5)


def test_a_tiny_cap_of_a_large_sphere_is_a_flat_ball():
    n, angle = 4096, 1e-5
    assert log_cap_area(n, angle) == pytest.approx(log_ball_volume(n - 1) + (n - 1) * np.log(angle), rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 64])
def test_a_cap_up_to_pi_is_the_whole(n):
    assert log_cap_area(n, np.pi) == pytest.approx(log_sphere_area(n), abs=1e-12)
    assert log_cap_volume(n, np.pi) == pytest.approx(log_ball_volume(n), abs=1e-12)


def test_nothing_lies_within_an_angle_of_zero():
    assert log_share_within_angle(5, 0.0) == -np.inf


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_volume_element_is_the_jacobian_of_the_coordinates(n):
    polar = np.linspace(0.4, 2.5, n - 1)

    def point(coordinates):
        sines = np.cumprod(np.concatenate([[1.0], np.sin(coordinates[1:])]))
        return coordinates[0] * sines * np.concatenate([np.cos(coordinates[1:]), [1.0]])

    at, step = np.concatenate([[1.7], polar]), 1e-6
    jacobian = [(point(at + step * e) - point(at - step * e)) / (2 * step) for e in np.eye(n)]
    assert log_volume_element(1.7, polar) == pytest.approx(np.linalg.slogdet(jacobian)[1], abs=1e-7)


def test_the_volume_element_broadcasts_over_radii_and_points():
    elements = log_volume_element(np.array([1.0, 2.0]), np.full((4, 1, 2), np.pi / 2))
    assert elements.shape == (4, 2)
    np.testing.assert_allclose(np.exp(elements), np.tile([1.0, 4.0], (4, 1)))


def test_the_last_angle_has_a_sign():
    assert log_volume_element(1.0, np.array([1.0, -3.0])) == log_volume_element(1.0, np.array([1.0, 3.0]))


@pytest.mark.parametrize("n", [2, 10, 4096])
@pytest.mark.parametrize("inner", [0.0, 0.3, 0.9, 1 - 1e-12])
def test_a_shell_and_the_ball_inside_make_the_whole(n, inner):
    assert np.exp(log_shell_share(n, inner)) == pytest.approx(1 - inner**n, abs=1e-12)


def test_a_very_thin_shell_keeps_its_relative_precision():
    assert log_shell_share(128, 1 - 2.0**-50) == pytest.approx(np.log(128) - 50 * np.log(2), abs=1e-9)


@pytest.mark.parametrize("n", [2, 3, 20])
def test_a_gaussian_s_radius_agrees_with_random_vectors(n):
    radii = np.linalg.norm(np.random.default_rng(1).normal(size=(200_000, n)), axis=1)
    assert gaussian_radius_mean(n) == pytest.approx(radii.mean(), abs=0.01)
    assert gaussian_radius_std(n) == pytest.approx(radii.std(), abs=0.01)


@pytest.mark.parametrize("n", [100, 1000, 4096])
def test_a_gaussian_s_shell_has_the_same_thickness_in_any_dimension(n):
    assert gaussian_radius_mean(n) == pytest.approx(np.sqrt(n - 0.5), rel=1 / n**2)
    assert gaussian_radius_std(n) == pytest.approx(np.sqrt(0.5), rel=1 / n)


@pytest.mark.parametrize("n", [2, 3, 20])
def test_the_expected_cosine_agrees_with_random_directions(n):
    points = np.random.default_rng(2).normal(size=(200_000, n))
    cosines = points[:, 0] / np.linalg.norm(points, axis=1)
    assert expected_absolute_cosine(n) == pytest.approx(np.abs(cosines).mean(), abs=0.005)


@pytest.mark.parametrize("function", OF_DIMENSIONS)
@pytest.mark.parametrize("n", [1, 0, -3])
def test_fewer_than_two_dimensions_are_refused(function, n):
    with pytest.raises(SettingError, match=f"2 dimensions or more; found {n}"):
        function(n)


@pytest.mark.parametrize("function", WITH_A_LIMIT)
def test_a_line_has_no_angle_to_limit(function):
    with pytest.raises(SettingError, match="2 dimensions or more"):
        function(1, 1.0)


@pytest.mark.parametrize("function", WITH_A_LIMIT)
@pytest.mark.parametrize("angle", [-0.1, 3.2, np.nan])
def test_an_angle_outside_zero_to_pi_is_refused(function, angle):
    with pytest.raises(SettingError, match=f"from 0 to pi; found {angle}"):
        function(8, np.array([1.0, angle]))


@pytest.mark.parametrize(
    ("radius", "polar", "complaint"),
    [(-1.0, [1.0, 1.0], "radius"), (1.0, [-1.0, 1.0], "polar"), (1.0, [1.0, 4.0], "last")],
)
def test_coordinates_outside_their_ranges_are_refused(radius, polar, complaint):
    with pytest.raises(SettingError, match=complaint):
        log_volume_element(radius, np.array(polar))


@pytest.mark.parametrize("inner", [-0.1, 1.1])
def test_an_inner_radius_outside_zero_to_one_is_refused(inner):
    with pytest.raises(SettingError, match=f"from 0 to 1; found {inner}"):
        log_shell_share(3, inner)


def test_the_edges_raise_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert log_shell_share(3, 1.0) == -np.inf
        assert log_share_within_all_angles(3, 0.0) == -np.inf
        assert log_volume_element(0.0, np.array([0.0, 0.0])) == -np.inf
