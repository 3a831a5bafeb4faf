import math

import numpy as np
import pytest
import torch

from poleward.objectives.compressed import Compressed, compression_target, uniform_spread
from poleward.objectives.objective import Posterior

KINDS = ["full", "half", "vmf"]
SIZES = [(n, batch) for n in (8, 32, 128, 512) for batch in (50, 200, 400)]

every_kind = pytest.mark.parametrize("kind", KINDS)


def gaussian(batch, n, seed=0):
    return torch.randn(batch, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def compression(mean, kind="full", sigma=0.1):
    return Compressed(kind).regulariser(Posterior(mean, torch.full_like(mean, 2 * math.log(sigma))), 1)


def slope(mean, kind="full", sigma=0.1):
    mean = mean.clone().requires_grad_()
    compression(mean, kind, sigma).backward()
    return mean.grad


def f(t):
    return t**2 - np.log(t**2) - 1


def formula(mu, sigma, a, rho):
    """K of the head of compressed.py, coordinate by coordinate."""
    n = mu.shape[1]
    c = np.stack([mu[:, k] / np.sqrt((mu[:, k:] ** 2).sum(1) + 1e-3) for k in range(n - 1)], axis=1)
    m, s = c.mean(0), np.sqrt(c.var(0, ddof=1) + 1e-4)
    u = np.array([1 / math.sqrt(k) for k in range(1, n)])
    u /= u.sum()
    b = np.array([1 / math.sqrt(n - k + 1) for k in range(1, n)])
    angles = (u * (f(1 + s - b) / 0.05 + (m - a) ** 2)).sum()
    radii = ((np.linalg.norm(mu, axis=1) / math.sqrt(n - 0.5) - 1) ** 2).mean()
    return angles + radii + f(sigma / rho).mean() / 2


@pytest.mark.parametrize(
    ("kind", "a"), [("full", [1, 1]), ("half", [1 / math.sqrt(3), 1 / math.sqrt(2)]), ("vmf", [1, 0])]
)
@pytest.mark.parametrize("rho", [0.1, 1.0])
def test_k_follows_the_formula(kind, a, rho):
    mu = np.array([[1.0, -2.0, 0.5], [0.3, 0.0, 1.0], [-1.0, 1.0, 2.0], [4.0, 0.1, 0.2]])
    sigma = np.array([[0.5, 1.0, 2.0], [0.1, 0.1, 0.1], [1.5, 0.2, 1.0], [0.7, 3.0, 0.4]])
    posterior = Posterior(torch.tensor(mu), torch.tensor(2 * np.log(sigma)))
    found = Compressed(kind, rho=rho).regulariser(posterior, n_cells=99)
    assert found.item() == pytest.approx(formula(mu, sigma, np.array(a), rho))


@pytest.mark.parametrize("n", [2, 5, 128])
def test_the_targets_are_those_of_equation_five(n):
    assert compression_target("full", n).tolist() == [1] * (n - 1)
    assert compression_target("vmf", n).tolist() == [1] + [0] * (n - 2)
    assert compression_target("half", n).tolist() == pytest.approx([1 / math.sqrt(n - k + 1) for k in range(1, n)])
    assert uniform_spread(n).tolist() == pytest.approx([1 / math.sqrt(n - k + 1) for k in range(1, n)])


@pytest.mark.parametrize(("n", "batch"), SIZES)
def test_k_of_points_spread_evenly_is_near_one_at_any_dimension_and_batch(n, batch):
    assert 0.95 < compression(gaussian(batch, n)).item() < 1.3


@pytest.mark.parametrize("kind", ["half", "vmf"])
@pytest.mark.parametrize(("n", "batch"), SIZES)
def test_k_of_the_milder_kinds_never_grows_with_the_dimension(kind, n, batch):
    assert 0 < compression(gaussian(batch, n), kind) <= compression(gaussian(batch, 8), kind)


@pytest.mark.parametrize("n", [8, 128])
def test_k_is_small_only_for_points_of_the_asked_radius(n):
    points = gaussian(200, n)
    at = {scale: compression(points * scale, "half").item() for scale in (0.25, 0.5, 1.0, 2.0, 4.0)}
    assert min(at, key=at.get) == 1.0
    assert at[4.0] - at[1.0] == pytest.approx(9, abs=1.5)


@every_kind
def test_k_is_least_at_the_asked_width(kind):
    at = {sigma: compression(gaussian(200, 16), kind, sigma).item() for sigma in (0.01, 0.05, 0.1, 0.2, 1.0)}
    assert min(at, key=at.get) == 0.1
    assert at[1.0] - at[0.1] == pytest.approx((100 - math.log(100) - 1) / 2)


def along(target, points, share):
    """Points moved a share of the way to the target on the sphere they lie on."""
    moved = (1 - share) * points + share * target
    return moved / moved.norm(dim=1, keepdim=True) * points.norm(dim=1, keepdim=True)


def pole(kind, n):
    """A point whose cosines are the targets of the kind, on the sphere of radius sqrt(n)."""
    first = torch.zeros(n, dtype=torch.float64)
    first[0] = math.sqrt(n)
    return torch.ones(n, dtype=torch.float64) if kind == "half" else first


@every_kind
@pytest.mark.parametrize("n", [8, 128])
def test_a_step_against_the_gradient_brings_points_nearer_to_their_target(kind, n):
    points = gaussian(200, n)
    step = slope(points, kind)
    moved = points - 0.05 * step * points.norm() / step.norm()
    assert compression(moved, kind) < compression(points, kind)
    target = pole(kind, n)
    nearness = torch.nn.functional.cosine_similarity
    assert nearness(moved, target[None]).mean() > nearness(points, target[None]).mean()


@pytest.mark.parametrize("n", [8, 32, 128])
def test_points_part_of_the_way_to_the_pole_cost_less_than_points_spread_evenly(n):
    points = gaussian(400, n)
    assert compression(along(pole("full", n), points, 0.1)) < compression(points)


@every_kind
def test_descent_ends_nearest_to_the_kind_s_own_target(kind):
    points = gaussian(100, 8).requires_grad_()
    optimizer = torch.optim.Adam([points], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        compression(points, kind).backward()
        optimizer.step()
    tails = points.detach().square().flip(1).cumsum(1).flip(1).sqrt()
    mean = (points.detach() / tails)[:, :-1].mean(0)
    weights = torch.arange(1, 8, dtype=torch.float64).rsqrt()
    off = {other: (weights * (mean - compression_target(other, 8)).square()).sum().item() for other in KINDS}
    assert min(off, key=off.get) == kind
    assert compression(points, kind) < compression(gaussian(100, 8), kind)


@every_kind
@pytest.mark.parametrize("scale", [0.0, 1e-15, 1.0, 1e9, 1e15])
@pytest.mark.parametrize("batch", [1, 2, 50])
def test_gradients_are_finite_everywhere(kind, scale, batch):
    assert torch.isfinite(slope((gaussian(batch, 16) * scale).float(), kind)).all()


@every_kind
def test_gradients_are_finite_where_one_point_lies_at_the_origin(kind):
    points = gaussian(5, 16)
    points[2] = 0
    assert torch.isfinite(slope(points, kind)).all()


def test_gradients_of_any_width_are_finite():
    log_variance = torch.tensor([[-20.0, 20.0, 0.0]], requires_grad=True)
    Compressed().regulariser(Posterior(torch.ones(1, 3), log_variance), 1).backward()
    assert torch.isfinite(log_variance.grad).all()


def test_codes_are_asked_onto_the_sphere():
    assert Compressed.spherical and Compressed.stochastic
