import pytest
import torch

from poleward.errors import SettingError
from poleward.objectives.catalogue import OBJECTIVES, PARAMETRISATIONS, PUBLISHED, build_objective
from poleward.objectives.objective import Posterior
from poleward.objectives.observation import Observation
from poleward.records import Block

EVERY = [(name, parametrisation) for parametrisation, known in PARAMETRISATIONS.items() for name in known]

every_objective = pytest.mark.parametrize(("name", "parametrisation"), EVERY)


def rows():
    return Observation([Block(str(i), "numeric", i, 1) for i in range(5)], (5,), [1.0] * 5).eval()


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def parts(objective, prediction, mean, log_variance):
    reconstruction = objective.reconstruction(rows(), prediction, noise(8, 5, seed=3), None)
    return reconstruction, objective.regulariser(Posterior(mean, log_variance), 5)


@every_objective
def test_every_objective_is_a_finite_number_with_finite_gradients(name, parametrisation):
    leaves = [noise(8, 5).requires_grad_(), noise(8, 6, seed=1).requires_grad_(), noise(8, 6, seed=2).requires_grad_()]
    objective = build_objective(name, parametrisation)
    loss = objective.combine(*parts(objective, *leaves), 0, 10)
    loss.backward()
    assert loss.shape == () and torch.isfinite(loss)
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves if leaf.grad is not None)
    assert leaves[0].grad.any()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_loss_is_reconstruction_plus_weight_times_schedule_times_regulariser(name):
    objective = build_objective(name, weight=0.25, schedule="linear")
    found = objective.combine(torch.tensor(2.0), torch.tensor(8.0), epoch=0, n_epochs=100)
    assert found.item() == pytest.approx(2 + 0.25 / 30 * 8)


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "norm"])
def test_the_reconstruction_is_in_nats_per_cell(name):
    prediction, values = noise(8, 5), noise(8, 5, seed=1)
    found = build_objective(name).reconstruction(rows(), prediction, values, None)
    nats = -torch.distributions.Normal(prediction, 1.0).log_prob(values)
    assert found.item() == pytest.approx(nats.mean().item())


def test_the_plain_autoencoder_asks_nothing_of_its_codes():
    objective = build_objective("autoencoder")
    assert objective.regulariser(Posterior(noise(8, 6), noise(8, 6)), 5).item() == 0
    assert not objective.stochastic


@every_objective
def test_the_compressed_objectives_alone_live_on_the_sphere(name, parametrisation):
    assert build_objective(name, parametrisation).spherical == (name in {"compressed", "compressed-half", "vmf"})


@pytest.mark.parametrize(("name", "kind"), [("compressed", "full"), ("compressed-half", "half"), ("vmf", "vmf")])
@pytest.mark.parametrize("parametrisation", PARAMETRISATIONS)
def test_the_names_of_compression_stand_for_their_kinds(name, kind, parametrisation):
    assert build_objective(name, parametrisation).kind == kind


def test_an_unknown_objective_is_named_with_the_known_ones():
    with pytest.raises(SettingError, match=r"objective 'elbo' is unknown .*; choose one of autoencoder, variational"):
        build_objective("elbo")


def test_an_objective_that_was_not_published_is_refused_in_the_published_parametrisation():
    assert "moments" not in PUBLISHED
    with pytest.raises(SettingError, match=r"objective 'moments' is unknown \(published\)"):
        build_objective("moments", "published")


def test_an_unknown_parametrisation_is_named_with_the_known_ones():
    with pytest.raises(SettingError, match="choose one of dimension-free, published"):
        build_objective("vmf", "printed")
