import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from poleward.errors import SettingError
from poleward.geometry.hypersphere import cosines, cosines_of, project, radius, to_cartesian, to_hyperspherical

DIMENSIONS = [2, 3, 4, 17, 128, 512]
MAPS = {
    "cosines": cosines,
    "softened cosines": lambda v: cosines(v, 1e-3),
    "angles": lambda v: to_hyperspherical(v)[1],
    "radius": radius,
}

every_map = pytest.mark.parametrize("apply", MAPS.values(), ids=MAPS)


def gaussian(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def tails(v, eps=0.0):
    """The tail norms t_k, k = 1..n, by a mask over all pairs j >= k."""
    mask = torch.triu(torch.ones(v.shape[-1], v.shape[-1], dtype=v.dtype))
    return torch.sqrt((v.square()[..., None, :] * mask).sum(-1) + eps)


def gradient_of(apply, v, weights=None):
    v = v.clone().requires_grad_()
    result = apply(v)
    return torch.autograd.grad(result, v, torch.ones_like(result) if weights is None else weights)[0]


def finite_points(dtype, width):
    limit = float(np.finfo(dtype).max)
    values = st.floats(-limit, limit, width=width)
    return st.integers(2, 12).flatmap(lambda n: arrays.arrays(dtype, n, elements=values)).map(torch.from_numpy)


@pytest.mark.parametrize("n", DIMENSIONS)
def test_cartesian_undoes_hyperspherical(n):
    v = gaussian(20, n)
    back = to_cartesian(*to_hyperspherical(v))
    assert torch.allclose(back, v, rtol=0, atol=1e-13 * n)


@pytest.mark.parametrize("n", DIMENSIONS)
def test_hyperspherical_undoes_cartesian(n):
    generator = torch.Generator().manual_seed(1)
    angles = torch.rand(20, n - 1, generator=generator, dtype=torch.float64) * 0.4 + math.pi / 2 - 0.2
    angles[:, -1] = torch.rand(20, generator=generator, dtype=torch.float64) * 2 * math.pi - math.pi
    length = 1 + torch.rand(20, generator=generator, dtype=torch.float64)
    found_length, found_angles = to_hyperspherical(to_cartesian(length, angles))
    assert torch.allclose(found_length, length, rtol=1e-12)
    assert torch.allclose(found_angles, angles, rtol=0, atol=1e-11)


@given(finite_points(np.float32, 32))
def test_any_point_is_found_again(v):
    wide = v.double()
    back = to_cartesian(*to_hyperspherical(wide))
    assert torch.allclose(back, wide, rtol=0, atol=1e-14 * wide.abs().max().item())


@given(finite_points(np.float32, 32))
def test_angles_are_in_their_range(v):
    angles = to_hyperspherical(v.double())[1]
    assert (angles[..., :-1] >= 0).all() and (angles <= math.pi).all()
    assert angles[..., -1] >= -math.pi


def test_a_negative_coordinate_that_vanishes_in_rounding_turns_the_last_angle_by_minus_pi():
    v = torch.tensor([1.0, -7e16, -5e-31], dtype=torch.float64)
    angles = to_hyperspherical(v)[1]
    assert angles[-1] == -math.pi
    assert torch.allclose(to_cartesian(*to_hyperspherical(v)), v, rtol=0, atol=1e-14 * 7e16)


@pytest.mark.parametrize(
    ("point", "angle"), [((0, 1), 90), ((-1, 0), 180), ((0, -1), -90), ((-1, -0.0), 180), ((1, 0), 0)]
)
def test_the_last_angle_is_signed(point, angle):
    found = to_hyperspherical(torch.tensor([point], dtype=torch.float64))[1]
    assert math.degrees(found.item()) == pytest.approx(angle)


def test_a_point_of_ordinary_space_has_its_known_angles():
    length, angles = to_hyperspherical(torch.tensor([1.0, 1.0, -math.sqrt(2)], dtype=torch.float64))
    assert length.item() == pytest.approx(2)
    assert torch.rad2deg(angles).tolist() == pytest.approx([60, math.degrees(math.atan2(-math.sqrt(2), 1))])


@pytest.mark.parametrize("n", DIMENSIONS)
@pytest.mark.parametrize("eps", [0.0, 1e-3, 2.0])
def test_cosines_are_those_of_the_masked_formula(n, eps):
    v = gaussian(9, n)
    assert torch.allclose(cosines(v, eps), v[:, :-1] / tails(v, eps)[:, :-1], rtol=1e-13)


@pytest.mark.parametrize("n", DIMENSIONS)
@pytest.mark.parametrize("eps", [0.0, 1e-3, 2.0])
def test_the_gradient_of_the_cosines_is_that_of_the_masked_formula(n, eps):
    v, weights = gaussian(9, n), gaussian(9, n - 1, seed=1)
    expected = gradient_of(lambda v: v[:, :-1] / tails(v, eps)[:, :-1], v, weights)
    assert torch.allclose(gradient_of(lambda v: cosines(v, eps), v, weights), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n", DIMENSIONS)
def test_cosines_are_the_cosines_of_the_angles(n):
    v = gaussian(9, n)
    found = torch.cos(to_hyperspherical(v)[1])
    assert torch.allclose(found, cosines(v), atol=1e-13)


@pytest.mark.parametrize("n", DIMENSIONS)
def test_the_gradient_of_the_angles_is_that_of_the_masked_formula(n):
    v, weights = gaussian(9, n), gaussian(9, n - 1, seed=1)

    def masked(v):
        t = tails(v)
        return torch.atan2(torch.cat([t[:, 1:-1], v[:, -1:]], dim=1), v[:, :-1])

    expected = gradient_of(masked, v, weights)
    found = gradient_of(MAPS["angles"], v, weights)
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-11)


@every_map
@pytest.mark.parametrize("n", [2, 3, 6])
def test_gradients_are_those_of_finite_differences(apply, n):
    assert torch.autograd.gradcheck(apply, (gaussian(4, n).requires_grad_(),), eps=1e-6, atol=1e-7)


def test_gradients_of_the_way_back_are_those_of_finite_differences():
    length, angles = to_hyperspherical(gaussian(3, 5))
    assert torch.autograd.gradcheck(to_cartesian, (length.requires_grad_(), angles.requires_grad_()))


@pytest.mark.parametrize("point", [(2.0, 0.0), (0.5, -2.0, 0.0)])
def test_the_last_angle_turns_where_its_second_leg_is_zero(point):
    v = torch.tensor([point], dtype=torch.float64)
    slope = gradient_of(lambda v: to_hyperspherical(v)[1][:, -1], v)
    assert slope[0, -1].item() == pytest.approx(1 / point[-2])


@every_map
@given(v=finite_points(np.float32, 32))
def test_values_are_finite_for_every_finite_point(apply, v):
    assert torch.isfinite(apply(v)).all()


@pytest.mark.parametrize("apply", [MAPS["cosines"], MAPS["softened cosines"]], ids=["exact", "softened"])
@given(v=finite_points(np.float32, 32))
def test_cosines_lie_between_minus_one_and_one(apply, v):
    assert apply(v).abs().max() <= 1


@every_map
@given(v=finite_points(np.float64, 64))
def test_values_are_finite_for_every_finite_point_in_double_precision(apply, v):
    assert torch.isfinite(apply(v)).all()


@every_map
@pytest.mark.parametrize("n", [2, 3, 128, 4096])
@pytest.mark.parametrize("norm", [1e-15, 1e-6, 1.0, 1e9, 1e18])
def test_gradients_are_finite_and_right_at_every_scale(apply, n, norm):
    v = project(gaussian(3, n), norm)
    found = gradient_of(apply, v.float())
    assert torch.isfinite(found).all()
    assert torch.allclose(found.double(), gradient_of(apply, v.float().double()), rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", ["cosines", "angles", "radius"])
@pytest.mark.parametrize("n", [2, 3, 128, 4096])
def test_gradients_are_zero_at_the_origin(name, n):
    assert not gradient_of(MAPS[name], torch.zeros(2, n)).any()


@pytest.mark.parametrize("n", [2, 3, 128, 4096])
def test_softened_cosines_have_their_own_slope_at_the_origin(n):
    slope = gradient_of(MAPS["softened cosines"], torch.zeros(n))
    assert torch.allclose(slope[:-1], torch.full((n - 1,), 1e-3**-0.5))
    assert slope[-1] == 0


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_tiny_and_huge_points_in_double_precision_keep_their_coordinates(scale):
    v = gaussian(4, 5)
    assert torch.allclose(cosines(v * scale), cosines(v), rtol=1e-13)
    assert torch.allclose(to_hyperspherical(v * scale)[1], to_hyperspherical(v)[1], rtol=1e-13)
    assert torch.allclose(radius(v * scale) / scale, radius(v), rtol=1e-13)


def test_softened_cosines_of_tiny_points_are_linear():
    v = gaussian(4, 5) * 1e-200
    assert torch.allclose(cosines(v, 1e-3) * 1e200, v[:, :-1] * 1e200 / math.sqrt(1e-3), rtol=1e-12)
    assert torch.allclose(gradient_of(MAPS["softened cosines"], v)[:, :-1], torch.tensor(1e-3**-0.5).double())


@pytest.mark.parametrize("apply", [cosines, MAPS["angles"]], ids=["cosines", "angles"])
@pytest.mark.parametrize("n_zeros", [2, 3])
def test_a_vanishing_tail_has_no_gradient(apply, n_zeros):
    v = gaussian(1, 6)
    v[:, -n_zeros:] = 0
    slope = gradient_of(lambda v: apply(v)[:, -(n_zeros - 1) :], v)
    assert not slope.any()


def test_cosines_of_a_vanishing_tail_are_zero():
    assert cosines(torch.tensor([3.0, 4.0, 0.0, 0.0])).tolist() == pytest.approx([0.6, 1, 0])


@given(scale=st.floats(1e-6, 1e6), n=st.sampled_from(DIMENSIONS))
def test_scaling_a_point_leaves_its_cosines_and_angles(scale, n):
    v = gaussian(5, n)
    assert torch.allclose(cosines(scale * v), cosines(v), atol=1e-13)
    assert torch.allclose(to_hyperspherical(scale * v)[1], to_hyperspherical(v)[1], atol=1e-12)
    assert torch.allclose(radius(scale * v), scale * radius(v), rtol=1e-13)


@pytest.mark.parametrize("n", [3, 17, 128])
def test_turning_the_other_coordinates_leaves_the_first_cosine(n):
    v = gaussian(8, n)
    turn = torch.linalg.qr(gaussian(n - 1, n - 1, seed=2))[0]
    turned = torch.cat([v[:, :1], v[:, 1:] @ turn], dim=1)
    assert torch.allclose(cosines(turned)[:, 0], cosines(v)[:, 0], atol=1e-13)
    assert not torch.allclose(cosines(turned)[:, 1], cosines(v)[:, 1], atol=1e-3)


@pytest.mark.parametrize("n", [3, 17, 128])
def test_turning_a_point_leaves_its_radius(n):
    v = gaussian(8, n)
    turn = torch.linalg.qr(gaussian(n, n, seed=2))[0]
    assert torch.allclose(radius(v @ turn), radius(v), rtol=1e-13)


@pytest.mark.parametrize("n", [3, 16, 64])
def test_cosines_of_even_points_have_mean_zero_and_variance_one_over_the_tail_s_length(n):
    size = 40_000
    c = cosines(gaussian(size, n, seed=3))
    length = torch.arange(n, 1, -1, dtype=torch.float64)  # n - k + 1
    assert (c.mean(0).abs() < 5 / (size * length).sqrt()).all()
    assert torch.allclose(c.var(0) * length, torch.ones_like(length), atol=0.05)


def test_cosines_of_even_points_are_uncorrelated():
    c = cosines(gaussian(40_000, 8, seed=4))
    correlation = torch.corrcoef(c.T) - torch.eye(7, dtype=torch.float64)
    assert correlation.abs().max() < 5 / math.sqrt(40_000)


@every_map
@pytest.mark.parametrize("batch", [(), (1,), (4,), (2, 3), (0,)])
def test_leading_dimensions_are_a_batch(apply, batch):
    v = gaussian(*batch, 5)
    found = apply(v)
    each = [apply(row) for row in v.reshape(-1, 5)]
    assert found.shape[: len(batch)] == batch
    together = found.reshape(len(each), *found.shape[len(batch) :])
    # of many numbers at once torch.atan2 may differ in the last bit from that of one, by the processor
    rounding = 1e-15 if apply is MAPS["angles"] else 0.0
    assert torch.allclose(together, torch.stack(each) if each else found, rtol=rounding, atol=0.0)


@every_map
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_and_gradients_keep_the_precision_of_the_points(apply, dtype):
    v = gaussian(3, 4, dtype=dtype)
    assert apply(v).dtype == gradient_of(apply, v).dtype == dtype


@pytest.mark.parametrize("apply", [cosines, to_hyperspherical])
def test_one_dimension_has_no_angle(apply):
    with pytest.raises(SettingError, match=r"at least 2 dimensions, got shape \(3, 1\)"):
        apply(torch.zeros(3, 1))


@pytest.mark.parametrize("n", [2, 128])
def test_projected_points_lie_on_the_sphere_in_their_own_direction(n):
    v = gaussian(6, n)
    on_sphere = project(v, 7.0)
    assert torch.allclose(radius(on_sphere), torch.full((6,), 7.0, dtype=torch.float64))
    assert torch.allclose(cosines(on_sphere), cosines(v))
    assert torch.allclose(on_sphere[:, -1].sign(), v[:, -1].sign())


def test_the_origin_stays_when_projected_and_sends_back_a_finite_gradient():
    v = torch.zeros(2, 128)
    assert not project(v, 11.3).any()
    assert torch.isfinite(gradient_of(lambda v: project(v, 11.3), v)).all()


def test_cosines_of_an_array_are_those_of_its_points():
    np.testing.assert_allclose(cosines_of(np.array([[3.0, 0.0, 4.0]], np.float32)), [[0.6, 0.0]], atol=1e-12)
