import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poleward.objectives.moments import Moments, excess
from poleward.objectives.objective import Posterior, batch_mean_and_std

MU = np.array([[1.0, -2.0], [0.3, 0.0], [-1.0, 1.0], [4.0, 0.1]])
SIGMA = np.array([[0.5, 1.0], [0.1, 0.1], [1.5, 0.2], [0.7, 3.0]])


def value(mu, sigma):
    return Moments().regulariser(Posterior(torch.as_tensor(mu), torch.as_tensor(2 * np.log(sigma))), n_cells=7).item()


def test_the_value_is_the_formula_s():
    std = np.sqrt(MU.var(0, ddof=1) + 1e-4)
    f = std**2 - np.log(std**2) - 1
    expected = (f + MU.mean(0) ** 2 + (SIGMA.mean(0) / 0.1 - 1) ** 2).mean()
    assert value(MU, SIGMA) == pytest.approx(expected)


@given(st.floats(1e-3, 1e3))
def test_the_excess_is_least_and_zero_at_one(ratio):
    found = excess(torch.tensor(ratio, dtype=torch.float64)).item()
    assert found == pytest.approx(ratio**2 - 2 * math.log(ratio) - 1, abs=1e-12)
    assert found >= -1e-12


def test_standard_means_with_the_asked_width_cost_nothing():
    mu = np.array([[1.0, -1.0], [-1.0, 1.0]]) * math.sqrt(0.5 * (1 - 1e-4))
    assert value(mu, np.full((2, 2), 0.1)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n", [2, 64])
def test_the_value_does_not_grow_with_the_dimensions(n):
    assert value(np.tile(MU[:, :1], n), np.tile(SIGMA[:, :1], n)) == pytest.approx(value(MU[:, :1], SIGMA[:, :1]))


def test_the_variance_of_a_batch_is_the_unbiased_one_and_of_one_sample_zero():
    mean, std = batch_mean_and_std(torch.tensor([[1.0], [2.0], [6.0]]), variance_floor=0.0)
    assert (mean.item(), std.item()) == (3, pytest.approx(math.sqrt(7)))
    mean, std = batch_mean_and_std(torch.tensor([[5.0]]))
    assert (mean.item(), std.item()) == (5, pytest.approx(0.01))


def test_one_sample_has_a_finite_gradient():
    mu = torch.tensor([[3.0, 0.0]], requires_grad=True)
    Moments().regulariser(Posterior(mu, torch.zeros(1, 2)), 1).backward()
    assert torch.isfinite(mu.grad).all()
