import pytest
import torch

from poleward.objectives.observation import NOISE_FLOOR, NOISE_MEMORY, Observation
from poleward.records import Block

MIXED = [
    Block("length", "numeric", 0, 1),
    Block("colour", "categorical", 1, 3),
    Block("width", "numeric", 4, 1),
    Block("kind", "categorical", 5, 2),
]
VARIANCES = [4.0, 0.25]


def mixed():
    return Observation(MIXED, (7,), VARIANCES).eval()


def bands(variances=(0.5, 2.0)):
    return Observation([Block("red", "numeric", 0, 1), Block("blue", "numeric", 1, 1)], (2, 3, 4), variances).eval()


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rows(colours, kinds, seed=1):
    values = torch.zeros(len(colours), 7)
    values[:, [0, 4]] = noise(len(colours), 2, seed=seed)
    values[range(len(colours)), 1 + torch.tensor(colours)] = 1
    values[range(len(colours)), 5 + torch.tensor(kinds)] = 1
    return values


def normal_log_probability(prediction, values, variance):
    return torch.distributions.Normal(prediction, variance**0.5).log_prob(values)


def test_a_row_s_likelihood_is_that_of_normal_and_categorical_laws():
    values, prediction = rows([0, 2, 1], [1, 0, 0]), noise(3, 7)
    expected = (
        normal_log_probability(prediction[:, 0], values[:, 0], 4.0)
        + normal_log_probability(prediction[:, 4], values[:, 4], 0.25)
        + torch.distributions.Categorical(logits=prediction[:, 1:4]).log_prob(torch.tensor([0, 2, 1]))
        + torch.distributions.Categorical(logits=prediction[:, 5:7]).log_prob(torch.tensor([1, 0, 0]))
    )
    assert torch.allclose(mixed().negative_log_likelihood(prediction, values, None), -expected)


def test_an_image_s_likelihood_is_that_of_normal_laws_with_one_variance_a_band():
    values, prediction = noise(5, 2, 3, 4, seed=1), noise(5, 2, 3, 4)
    variance = torch.tensor([0.5, 2.0]).reshape(1, 2, 1, 1).expand_as(values)
    expected = normal_log_probability(prediction, values, variance).sum((1, 2, 3))
    assert torch.allclose(bands().negative_log_likelihood(prediction, values, None), -expected)


def test_a_masked_likelihood_is_the_sum_over_the_observed_cells():
    values, prediction = noise(5, 2, 3, 4, seed=1), noise(5, 2, 3, 4)
    observed = noise(5, 2, 3, 4, seed=2) > 0
    variance = torch.tensor([0.5, 2.0]).reshape(1, 2, 1, 1).expand_as(values)
    expected = (normal_log_probability(prediction, values, variance) * observed).sum((1, 2, 3))
    assert torch.allclose(bands().negative_log_likelihood(prediction, values, observed), -expected)


@pytest.mark.parametrize("train", [False, True])
def test_unobserved_cells_have_no_influence_at_all(train):
    observed = torch.ones(3, 7, dtype=torch.bool)
    observed[0, 0] = observed[2, 4] = False
    observed[1, 1:4] = False
    values = rows([0, 2, 1], [1, 0, 0]) * observed  # a missing cell is 0 in all its slots
    predictions = [noise(3, 7), torch.where(observed, noise(3, 7), noise(3, 7, seed=9) * 50)]
    found = []
    for prediction in predictions:
        observation = mixed().train(train)
        prediction = prediction.clone().requires_grad_()
        loss = observation.negative_log_likelihood(prediction, values, observed)
        loss.sum().backward()
        assert not prediction.grad[~observed].any()
        found.append((loss, prediction.grad[observed], observation.noise_variance))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_a_sample_s_likelihood_is_its_own():
    values, prediction = rows([0, 2, 1], [1, 0, 0]), noise(3, 7)
    observation = mixed()
    together = observation.negative_log_likelihood(prediction, values, None)
    alone = [observation.negative_log_likelihood(prediction[[i]], values[[i]], None) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))


def test_the_noise_variance_follows_the_mean_squared_error_of_its_block():
    observation = bands().train()
    prediction = torch.zeros(6, 2, 3, 4)
    values = torch.stack([torch.full((6, 3, 4), 3.0), torch.full((6, 3, 4), 0.5)], dim=1)
    observation.negative_log_likelihood(prediction, values, None)
    first = [NOISE_MEMORY * 0.5 + (1 - NOISE_MEMORY) * 9, NOISE_MEMORY * 2 + (1 - NOISE_MEMORY) * 0.25]
    assert observation.noise_variance.flatten().tolist() == pytest.approx(first)
    for _ in range(400):
        observation.negative_log_likelihood(prediction, values, None)
    assert observation.noise_variance.flatten().tolist() == pytest.approx([9, 0.25], rel=1e-4)


def test_the_mean_squared_error_is_that_of_the_observed_cells():
    observation = bands().train()
    values = torch.zeros(1, 2, 3, 4)
    values[0, 0, 0] = 3
    observed = torch.zeros(1, 2, 3, 4, dtype=torch.bool)
    observed[0, 0, :2] = True
    observation.negative_log_likelihood(torch.zeros(1, 2, 3, 4), values, observed)
    moved = NOISE_MEMORY * 0.5 + (1 - NOISE_MEMORY) * 4.5
    assert observation.noise_variance.flatten().tolist() == pytest.approx([moved, 2.0])


def test_the_noise_variance_that_is_followed_maximises_the_likelihood():
    values, prediction = noise(50, 2, 3, 4, seed=1) * 0.3, torch.zeros(50, 2, 3, 4)
    best = values.square().mean((0, 2, 3))
    at_best = bands(best.tolist()).negative_log_likelihood(prediction, values, None).sum()
    for factor in (0.9, 1.1):
        other = bands((factor * best).tolist()).negative_log_likelihood(prediction, values, None).sum()
        assert other > at_best


def test_the_noise_variance_has_a_floor_and_stands_still_in_evaluation():
    observation = mixed()
    values = torch.zeros(2, 7)
    observation.negative_log_likelihood(torch.ones(2, 7), values, None)
    assert observation.noise_variance.tolist() == VARIANCES
    observation.train()
    for _ in range(400):
        observation.negative_log_likelihood(values, values, None)
    assert observation.noise_variance.tolist() == pytest.approx([NOISE_FLOOR * v for v in VARIANCES])


def test_a_column_without_variance_starts_at_one():
    assert Observation(MIXED, (7,), [0.0, 2.0]).noise_variance.tolist() == [1.0, 2.0]


def test_levels_become_probabilities_and_numbers_stay():
    prediction = noise(3, 7)
    kept = prediction.clone()
    found = mixed().reconstruction(prediction)
    assert torch.equal(found[:, [0, 4]], kept[:, [0, 4]])
    assert torch.allclose(found[:, 1:4], torch.softmax(kept[:, 1:4], 1))
    assert torch.allclose(found[:, 5:].sum(1), torch.ones(3))
    assert torch.equal(prediction, kept)


def test_a_categorical_column_counts_as_one_cell():
    assert mixed().n_cells == 4
    assert bands().n_cells == 24
