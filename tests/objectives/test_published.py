import math

import numpy as np
import pytest
import torch

from poleward.geometry.hypersphere import cosines
from poleward.objectives.objective import Posterior
from poleward.objectives.observation import Observation
from poleward.objectives.published import (
    EPS,
    WEIGHT_ANGULAR_SIGMA,
    PublishedCompressed,
    PublishedNorm,
    angular_mu,
    angular_mu_conditional,
    angular_sigma,
    radial_mu,
    radial_sigma,
)
from poleward.objectives.variational import gaussian_kl
from poleward.records import Block

KINDS = ["full", "half", "vmf"]
EPOCHS = [0, 50, 100, 101, 150]

# Golden numbers: the released code's own values and gradients, /reference in the shared folder.

TERMS = {
    "angular_mu_full": lambda mu, logvar: angular_mu(mu),
    "angular_mu_half": lambda mu, logvar: angular_mu(mu, "half"),
    "radial_mu": lambda mu, logvar: radial_mu(mu),
    "angular_sigma": lambda mu, logvar: angular_sigma(logvar),
    "radial_sigma_rho1": lambda mu, logvar: radial_sigma(logvar, 1.0),
    "radial_sigma_rho0.001": lambda mu, logvar: radial_sigma(logvar, 0.001),
    "standard_kl_mean_over_dims": lambda mu, logvar: gaussian_kl(mu, logvar).mean() / mu.shape[1],
}


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared("reference/objective_golden.npz")) as archive:
        return dict(archive)


def leaves(golden, n):
    return tuple(torch.tensor(golden[f"n{n}_{name}"], requires_grad=True) for name in ("mu", "logvar"))


def require_golden(golden, key, value, mu, logvar):
    value.backward()
    assert value.item() == pytest.approx(golden[key], rel=1e-9)
    compared = {"mu": mu.grad, "logvar": logvar.grad}
    for name in compared.keys() & {name for name in compared if f"{key}_grad_{name}" in golden}:
        stored = golden[f"{key}_grad_{name}"]
        assert np.abs(compared[name].numpy() - stored).max() < 1e-6 * np.abs(stored).max()


@pytest.mark.parametrize("n", [3, 8, 128, 256])
@pytest.mark.parametrize("term", TERMS)
def test_each_term_is_the_released_one(golden, n, term):
    mu, logvar = leaves(golden, n)
    require_golden(golden, f"n{n}_{term}", TERMS[term](mu, logvar), mu, logvar)


@pytest.mark.parametrize("n", [128, 256])
@pytest.mark.parametrize("kind", ["full", "vmf"])
@pytest.mark.parametrize("epoch", [0, 50, 150])
def test_the_conditional_term_and_total_are_the_released_ones(golden, n, kind, epoch):
    labels = torch.tensor(golden[f"n{n}_labels"])
    mu, logvar = leaves(golden, n)
    angular = angular_mu_conditional(mu, labels, epoch, kind)
    require_golden(golden, f"n{n}_angular_mu_conditional_{kind}_epoch{epoch}", angular, mu, logvar)
    mu, logvar = leaves(golden, n)
    angular = angular_mu_conditional(mu, labels, epoch, kind)
    total = PublishedCompressed(kind).total(Posterior(mu, logvar), angular)
    require_golden(golden, f"n{n}_total_conditional_{kind}_epoch{epoch}", total, mu, logvar)


@pytest.mark.parametrize("n", [2, 3, 8, 128, 256])
def test_cosines_and_angles_are_the_released_ones(golden, n):
    mu = torch.tensor(golden[f"n{n}_mu"])
    found = cosines(mu, EPS)
    angles = torch.acos(found)
    angles[:, -1] = torch.where(mu[:, -1] < 0, 2 * math.pi - angles[:, -1], angles[:, -1])
    assert np.allclose(found, golden[f"n{n}_cosines"], rtol=1e-12)
    assert np.allclose(angles, golden[f"n{n}_angles"], rtol=1e-12)


# The formulas of METHOD section 2, coordinate by coordinate, for days when the golden numbers are not there.


def f(t):
    return t**2 - np.log(t**2) - 1


def plain_cosines(v):
    n = v.shape[1]
    return np.stack([v[:, k] / np.sqrt((v[:, k:] ** 2).sum(1) + 1e-3) for k in range(n - 1)], axis=1)


def moments(values):
    return values.mean(0), np.sqrt(values.var(0, ddof=1) + 1e-4)


def plain_weights(n):
    return np.array([50 * math.sqrt(n) / math.sqrt(k) for k in range(1, n)])


def plain_ones(n):
    return np.array([1 / math.sqrt(n - k + 1 + 1e-3) for k in range(1, n)])


def plain_target(kind, n):
    return {"full": np.ones(n - 1), "half": plain_ones(n), "vmf": np.eye(n - 1)[0]}[kind]


def plain_angular(v, a, b):
    m, s = moments(plain_cosines(v))
    return (plain_weights(v.shape[1]) * (f(1 + s - b) + 0.05 * (m - a) ** 2)).sum()


def plain_radial_sigma(sigma, rho):
    m, s = moments(np.linalg.norm(sigma, axis=1))
    return 50 * f(s / math.sqrt(0.5)) + 50 * (m - rho * math.sqrt(sigma.shape[1] - 0.5)) ** 2


def plain_radial_mu(mu):
    m, s = moments(np.linalg.norm(mu, axis=1))
    return 50 * f(1 + s) + 50 * (m - math.sqrt(mu.shape[1] - 0.5)) ** 2


def plain_angular_one_class(mu, epoch, kind):
    n = mu.shape[1]
    m, s = moments(plain_cosines(mu))
    e = plain_weights(n) * (m - plain_target(kind, n)) ** 2
    first, growth = (100, 1) if epoch <= 100 else (150, math.sqrt(epoch - 101) + 1)
    spread = (plain_weights(n) * f(1 + s - plain_ones(n))).sum()
    return spread + 0.05 * (first * e[0] + growth * e[1 : n - 2].sum())


MU = np.array([[1.0, -2.0, 0.5], [0.3, 0.0, 1.0], [-1.0, 1.0, 2.0], [4.0, 0.1, 0.2]])
SIGMA = np.array([[0.5, 1.0, 2.0], [0.1, 0.1, 0.1], [1.5, 0.2, 1.0], [0.7, 3.0, 0.4]])
mu, log_variance = torch.tensor(MU), torch.tensor(2 * np.log(SIGMA))


@pytest.mark.parametrize("kind", KINDS)
def test_the_angles_of_mu_follow_the_formula(kind):
    assert angular_mu(mu, kind).item() == pytest.approx(plain_angular(MU, plain_target(kind, 3), plain_ones(3)))


def test_the_angles_of_sigma_follow_the_formula():
    assert angular_sigma(log_variance).item() == pytest.approx(plain_angular(SIGMA, plain_ones(3), 0))


def test_the_radius_of_mu_follows_the_formula():
    assert radial_mu(mu).item() == pytest.approx(plain_radial_mu(MU))


@pytest.mark.parametrize("rho", [1.0, 0.6, 0.001])
def test_the_radius_of_sigma_follows_the_formula(rho):
    assert radial_sigma(log_variance, rho).item() == pytest.approx(plain_radial_sigma(SIGMA, rho))


def test_two_radii_one_and_three_in_the_plane():
    points = torch.tensor([[1.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    spread = 1 + math.sqrt(2 + 1e-4)
    expected = 50 * (spread**2 - 2 * math.log(spread) - 1) + 50 * (2 - math.sqrt(1.5)) ** 2
    assert radial_mu(points).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_total_weighs_its_four_terms(kind):
    expected = (
        1000 * plain_angular(MU, plain_target(kind, 3), plain_ones(3))
        + 300 * plain_radial_mu(MU)
        + 5e5 * plain_angular(SIGMA, plain_ones(3), 0)
        + 500 * plain_radial_sigma(SIGMA, 0.001)
    )
    assert PublishedCompressed(kind).regulariser(Posterior(mu, log_variance), 1).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("data", "weight"),
    [("mnist", 5e4), ("fashion-mnist", 2.25e5), ("cifar10", 5e5), ("svhn", 5e5), ("celeba", 5e5), ("galaxies", 5e5)],
)
def test_the_weight_of_sigma_s_angles_is_the_published_one(data, weight):
    one = PublishedCompressed(sigma_weight=WEIGHT_ANGULAR_SIGMA[data]).regulariser(Posterior(mu, log_variance), 1)
    none = PublishedCompressed(sigma_weight=0.0).regulariser(Posterior(mu, log_variance), 1)
    assert (one - none).item() == pytest.approx(weight * angular_sigma(log_variance).item())


# With class labels.

LABELS = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])
LABELLED = torch.randn(9, 23, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("epoch", EPOCHS)
def test_each_class_is_rolled_to_its_own_axis(kind, epoch):
    classes = [np.roll(LABELLED[c == LABELS].numpy(), -10 * c, axis=1) for c in range(3)]
    expected = sum(plain_angular_one_class(one, epoch, kind) for one in classes)
    assert angular_mu_conditional(LABELLED, LABELS, epoch, kind).item() == pytest.approx(expected)


def test_a_class_present_once_is_left_out():
    lonely = torch.where(LABELS == 1, torch.tensor([2, 2, 2, 1, 2, 2, 2, 2, 2]), LABELS)
    v = LABELLED.clone().requires_grad_()
    value = angular_mu_conditional(v, lonely, epoch=0)
    value.backward()
    rest = lonely != 1
    assert value.item() == pytest.approx(angular_mu_conditional(LABELLED[rest], lonely[rest], epoch=0).item())
    assert not v.grad[~rest].any() and torch.isfinite(v.grad).all()


def test_a_batch_of_lonely_classes_asks_for_nothing():
    assert angular_mu_conditional(LABELLED[:3], torch.tensor([0, 1, 2]), epoch=0).item() == 0


# The loss, METHOD equation (4).


def observation(*shape):
    return Observation([Block(str(i), "numeric", i, 1) for i in range(shape[0])], shape, [1.0] * shape[0])


def test_the_reconstruction_is_the_squared_error_summed_over_the_observed_cells():
    values, prediction = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
    prediction[0] = 3
    objective = PublishedCompressed()
    assert objective.reconstruction(observation(1, 2, 2), prediction, values, None).item() == (4 * 9 + 4) / 2
    observed = torch.ones(2, 1, 2, 2, dtype=torch.bool)
    observed[0, 0, 0] = False
    assert objective.reconstruction(observation(1, 2, 2), prediction, values, observed).item() == (2 * 9 + 4) / 2


def combined(objective, reconstruction, regulariser, epoch):
    found = objective.combine(torch.tensor(reconstruction), torch.tensor(regulariser), epoch, 300)
    return found.item()


def test_beta_is_one_in_the_first_epoch():
    assert combined(PublishedCompressed(), 30.0, 700.0, epoch=0) == pytest.approx(0.73)


@pytest.mark.parametrize(("epoch", "growth"), [(1, 2.0), (16, 5.0), (100, 11.0), (101, 1.0), (250, 1.0)])
def test_beta_is_frozen_after_the_first_epoch_and_follows_the_schedule(epoch, growth):
    objective = PublishedCompressed()
    combined(objective, 30.0, 0.0, epoch=0)
    combined(objective, 50.0, 0.002, epoch=0)
    combined(objective, 1e9, 1e9, epoch=1)
    beta = 2500 * 40 / (0.001 + 0.001)
    assert combined(objective, 20.0, 3.0, epoch) == pytest.approx(0.001 * (20 + beta * growth * 3))


def test_beta_is_weighed_and_untouched_by_evaluation():
    objective = PublishedCompressed(weight=0.5)
    combined(objective, 40.0, 8.0, epoch=0)
    combined(objective.eval(), 1e9, 1.0, epoch=0)
    assert objective.beta.item() == pytest.approx(0.5 * 2500 * 40 / 8.001)


def test_beta_is_part_of_the_state():
    trained, restored = PublishedCompressed(), PublishedCompressed()
    combined(trained, 40.0, 8.0, epoch=0)
    restored.load_state_dict(trained.state_dict())
    assert restored.beta == trained.beta != 1


def test_the_published_norm_loss_takes_norms_that_are_not_squared():
    values = torch.zeros(2, 4)
    prediction = torch.tensor([[3.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    posterior = Posterior(torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.zeros(2, 2))
    objective = PublishedNorm(weight=10.0)
    reconstruction = objective.reconstruction(observation(4), prediction, values, None)
    regulariser = objective.regulariser(posterior, 4)
    assert reconstruction.item() == pytest.approx((5 + 1) / 2)
    assert objective.combine(reconstruction, regulariser, 0, 10).item() == pytest.approx(3 + 10 * (5 + 1) / 2)


def test_the_published_norm_loss_counts_observed_cells_only():
    prediction = torch.tensor([[3.0, 100.0, 4.0, 0.0]])
    observed = torch.tensor([[True, False, True, True]])
    found = PublishedNorm().reconstruction(observation(4), prediction, torch.zeros(1, 4), observed)
    assert found.item() == pytest.approx(5)
