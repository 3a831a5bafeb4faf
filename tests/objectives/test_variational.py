import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poleward.objectives.objective import Posterior
from poleward.objectives.variational import Variational, batch_kl, gaussian_kl

priors = pytest.mark.parametrize(("prior_mean", "prior_sigma"), [(0.0, 1.0), (0.7, 0.3), (-2.0, 5.0)])


def gaussians(batch, n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(batch, n, generator=generator, dtype=torch.float64) for _ in range(2))


@priors
def test_the_divergence_is_that_of_two_normal_laws(prior_mean, prior_sigma):
    mean, log_variance = gaussians(6, 5)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.tensor(prior_mean).double(), torch.tensor(prior_sigma).double())
    expected = torch.distributions.kl_divergence(posterior, prior).sum(1)
    assert torch.allclose(gaussian_kl(mean, log_variance, prior_mean, prior_sigma), expected)


@priors
@given(batch=st.integers(1, 9), n=st.integers(1, 9), seed=st.integers(0, 99))
def test_equation_one_is_the_batch_mean_of_the_divergence(prior_mean, prior_sigma, batch, n, seed):
    mean, log_variance = gaussians(batch, n, seed)
    expected = gaussian_kl(mean, log_variance, prior_mean, prior_sigma).mean()
    assert torch.allclose(batch_kl(mean, log_variance, prior_mean, prior_sigma), expected, rtol=1e-12)


def test_equation_one_of_two_samples_in_one_dimension():
    mean, log_variance = torch.tensor([[1.0], [3.0]]).double(), torch.tensor([[0.0], [math.log(4)]]).double()
    expected = 0.5 * (1 + 4 + 2.5 - math.log(4) / 2 - 1)  # Var 1, mean 2, mean variance 2.5
    assert batch_kl(mean, log_variance).item() == pytest.approx(expected)


def test_the_standard_normal_costs_nothing():
    assert gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0, 0]


def test_the_objective_counts_nats_per_cell():
    mean, log_variance = gaussians(6, 5)
    found = Variational().regulariser(Posterior(mean, log_variance), n_cells=20)
    assert found.item() == pytest.approx(gaussian_kl(mean, log_variance).mean().item() / 20)


def test_the_loss_with_weight_one_is_the_negative_bound():
    objective = Variational()
    assert objective.combine(torch.tensor(2.0), torch.tensor(3.0), epoch=5, n_epochs=10).item() == 5
    assert objective.stochastic and not objective.spherical
