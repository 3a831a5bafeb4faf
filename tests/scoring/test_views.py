import numpy as np
import pytest

from poleward.scoring.views import COMPONENTS, Plain, Sphere, Standardised, Unsqueezed, Whitened


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def mixed(n, d, seed=0):
    """Correlated columns of very different spread."""
    return normal(n, d, seed=seed) @ (normal(d, d, seed=9) * np.logspace(0, 1, d)) + 10


def test_plain_points_are_as_they_are():
    points = normal(4, 3)
    assert Plain().fit(points)(points) is points


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_points_on_the_sphere_have_length_one_and_their_direction(scale):
    points = (normal(50, 3) * scale).astype(np.float32)
    found = Sphere()(points)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(50))
    assert np.allclose(found * np.linalg.norm(points.astype(float), axis=1)[:, None], points, atol=1e-7 * scale)


def test_the_origin_stays_where_it_is():
    assert not Sphere()(np.zeros((2, 3))).any()


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 0.05), (np.float64, 1e-9)])
def test_whitened_training_points_have_mean_zero_and_unit_covariance(dtype, tolerance):
    points = mixed(400, 6).astype(dtype)
    found = Whitened().fit(points)(points)
    assert found.shape == (400, 6)
    assert np.allclose(found.mean(0), 0, atol=tolerance)
    assert np.allclose(np.cov(found.T), np.eye(6), atol=tolerance)


def test_whitened_distances_are_those_of_mahalanobis():
    points = mixed(400, 4)
    found = Whitened().fit(points)(points)
    difference = points[0] - points[1]
    expected = difference @ np.linalg.inv(np.cov(points.T)) @ difference
    assert np.square(found[0] - found[1]).sum() == pytest.approx(expected)


def test_at_most_64_components_are_kept():
    assert Whitened().fit(normal(400, 90))(normal(3, 90)).shape == (3, COMPONENTS)


@pytest.mark.parametrize(("n", "d", "kept"), [(2, 5, 1), (12, 5, 2), (50, 5, 5), (50, 1, 1)])
def test_a_component_is_kept_for_every_five_samples(n, d, kept):
    assert Whitened().fit(normal(n, d))(normal(3, d)).shape == (3, kept)


def test_directions_without_spread_are_left_out():
    points = normal(100, 4)
    points[:, 3] = points[:, 0] + 1e-5 * normal(100, seed=1)
    assert Whitened().fit(points)(points).shape == (100, 3)


def test_points_that_are_all_the_same_stay_finite():
    found = Whitened().fit(np.ones((10, 3)))(normal(5, 3))
    assert np.isfinite(found).all()


def test_the_same_seed_whitens_many_wide_samples_alike():
    points = normal(600, 700)
    one, other = (Whitened(seed=4).fit(points)(points[:5]) for _ in range(2))
    assert np.array_equal(one, other)


def test_few_samples_in_many_dimensions_do_not_end_up_equally_far_from_each_other():
    points = np.random.default_rng(0).normal(size=(50, 300)) * np.linspace(5, 0.1, 300)
    whitened = Whitened().fit(points)(points)
    distances = np.linalg.norm(whitened[:, None] - whitened, axis=2)[np.triu_indices(50, 1)]
    assert whitened.shape[1] == 10
    assert distances.std() > 0.1 * distances.mean()


def test_standardised_axes_have_mean_zero_and_unit_spread():
    found = Standardised().fit(mixed(300, 5))(mixed(300, 5))
    assert found.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-9)
    assert found.std(axis=0) == pytest.approx(np.ones(5))


def test_an_axis_that_hardly_varies_is_left_out_of_the_standardised_view():
    points = normal(100, 3) * [1.0, 1e-5, 2.0]
    assert Standardised().fit(points)(points).shape == (100, 2)


def test_beyond_64_axes_the_standardised_view_keeps_the_leading_components():
    points = mixed(600, 90)
    found = Standardised().fit(points)(points)
    assert found.shape == (600, COMPONENTS)
    spread = found.std(axis=0)
    assert (spread[:-1] >= spread[1:] - 1e-9).all()


def test_standardised_points_that_are_all_the_same_lie_at_the_origin():
    assert not Standardised().fit(np.ones((10, 3)))(np.ones((2, 3))).any()


def test_unsqueezed_columns_are_the_measured_ones_standardised():
    x = np.random.default_rng(0).lognormal(0, 2, size=(300, 1))
    t = np.arcsinh(x / 3)
    points = np.column_stack([(t - t.mean()) / t.std(), normal(300)])
    squeezed = np.array([[1.0, 0.0], [t.mean(), 0.0], [t.std(), 1.0]])
    found = Unsqueezed(squeezed).fit(points)(points)
    difference = found - found[0]
    assert difference[:, 0] == pytest.approx((x[:, 0] - x[0, 0]) / x.std())
    assert difference[:, 1] == pytest.approx((points[:, 1] - points[0, 1]) / points[:, 1].std())


def test_a_value_beyond_all_measure_stays_finite_when_unsqueezed():
    view = Unsqueezed(np.array([[1.0], [0.0], [1.0]])).fit(normal(50, 1))
    assert np.isfinite(np.square(view(np.array([[1e9]])))).all()
