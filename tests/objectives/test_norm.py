import pytest
import torch

from poleward.objectives.norm import Norm
from poleward.objectives.objective import Posterior
from poleward.objectives.observation import Observation
from poleward.records import Block

ROWS = Observation([Block(str(i), "numeric", i, 1) for i in range(4)], (4,), [1.0] * 4)


def posterior(*means):
    return Posterior(torch.tensor(means), torch.zeros(len(means), len(means[0])))


def test_the_reconstruction_is_the_mean_root_mean_squared_error():
    prediction = torch.tensor([[3.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    assert Norm().reconstruction(ROWS, prediction, torch.zeros(2, 4), None).item() == (5 / 2 + 1 / 2) / 2


def test_only_observed_cells_count_and_their_number_is_taken_for_each_sample():
    prediction = torch.tensor([[3.0, 100.0, 4.0, 100.0], [0.0, 0.0, 0.0, 1.0]], requires_grad=True)
    observed = torch.tensor([[True, False, True, False], [True, True, True, True]])
    value = Norm().reconstruction(ROWS, prediction, torch.zeros(2, 4), observed)
    value.backward()
    assert value.item() == pytest.approx((5 / 2**0.5 + 1 / 2) / 2)
    assert not prediction.grad[~observed].any()


def test_a_sample_without_observed_cells_costs_nothing():
    observed = torch.zeros(1, 4, dtype=torch.bool)
    assert Norm().reconstruction(ROWS, torch.ones(1, 4), torch.zeros(1, 4), observed).item() == 0


def test_the_regulariser_is_the_mean_norm_of_the_means_in_units_of_the_root_of_their_number():
    found = Norm().regulariser(posterior([3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]), n_cells=7)
    assert found.item() == (5 / 2 + 1 / 2) / 2


def test_the_loss_weighs_the_norm():
    assert Norm(weight=10.0).combine(torch.tensor(2.0), torch.tensor(3.0), 0, 10).item() == 32


def test_gradients_are_finite_for_perfect_reconstructions_and_codes_at_the_origin():
    prediction, means = torch.zeros(1, 4, requires_grad=True), torch.zeros(1, 4, requires_grad=True)
    norm = Norm()
    loss = norm.reconstruction(ROWS, prediction, torch.zeros(1, 4), None)
    (loss + norm.regulariser(Posterior(means, torch.zeros(1, 4)), 4)).backward()
    assert not prediction.grad.any() and not means.grad.any()


def test_codes_are_not_drawn():
    assert not Norm.stochastic and not Norm.spherical
