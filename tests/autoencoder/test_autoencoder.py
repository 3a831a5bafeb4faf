import math

import pytest
import torch

from poleward.autoencoder.autoencoder import LOG_VARIANCE_LIMIT, Autoencoder
from poleward.objectives.catalogue import OBJECTIVES, build_objective
from poleward.objectives.objective import Posterior
from poleward.records import Block

MIXED = [Block("length", "numeric", 0, 1), Block("colour", "categorical", 1, 3), Block("width", "numeric", 4, 1)]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rows(objective="compressed", **options):
    return Autoencoder((5,), MIXED, [1.0, 2.0], 4, build_objective(objective), **options)


def images(objective="compressed", **options):
    blocks = [Block("red", "numeric", 0, 1), Block("blue", "numeric", 1, 1)]
    return Autoencoder((2, 9, 7), blocks, [1.0, 2.0], 4, build_objective(objective), **options)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


both = pytest.mark.parametrize(("build", "shape"), [(rows, (5,)), (images, (2, 9, 7))], ids=["rows", "images"])


@both
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_batch_has_a_finite_loss_with_gradients_for_both_networks(build, shape, objective):
    model = build(objective)
    loss, terms = model.loss(noise(6, *shape), None, 0, 10, generator())
    loss.backward()
    assert terms["loss"] == pytest.approx(loss.item()) and math.isfinite(terms["loss"])
    assert set(terms) == {"loss", "reconstruction", "regulariser", "latent norm"}
    for network in (model.encoder, model.decoder):
        assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())
        assert any(parameter.grad.any() for parameter in network.parameters())


@both
def test_the_terms_of_the_loss_add_up(build, shape):
    model = build("variational")
    terms = model.loss(noise(6, *shape), None, 0, 10, generator())[1]
    assert terms["loss"] == pytest.approx(terms["reconstruction"] + terms["regulariser"], rel=1e-5)


@both
def test_the_same_generator_gives_the_same_loss_and_another_one_another(build, shape):
    values = noise(6, *shape)
    losses = [build().loss(values, None, 0, 10, generator(seed))[0].item() for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_noise_of_a_stochastic_code_is_sigma_times_a_normal_draw(objective):
    model = rows(objective)
    posterior = Posterior(noise(1, 4).repeat(20_000, 1), torch.tensor([0.0, -2.0, -4.0, 1.0]).repeat(20_000, 1))
    centred = model.draw(posterior, None)
    drawn = model.draw(posterior, generator())
    if not model.objective.stochastic:
        assert torch.equal(drawn, centred)
    elif not model.objective.spherical:
        assert torch.allclose(drawn.mean(0), posterior.mean[0], atol=0.05)
        assert torch.allclose(drawn.std(0), posterior.sigma[0], rtol=0.03)
    else:
        assert not torch.equal(drawn, centred)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_codes_of_spherical_objectives_lie_on_the_sphere_and_others_where_they_are(objective):
    model = rows(objective)
    codes = noise(6, 4) * 3
    if model.objective.spherical:
        assert torch.allclose(model.place(codes).norm(dim=1), torch.full((6,), 2.0))  # sqrt(4)
        assert torch.allclose(model.draw(Posterior(codes, noise(6, 4)), generator()).norm(dim=1), torch.tensor(2.0))
    else:
        assert torch.equal(model.place(codes), codes)


def test_a_posterior_at_the_origin_is_decoded_without_nan():
    model = images()
    codes = model.draw(Posterior(torch.zeros(2, 4), torch.zeros(2, 4)), None)
    assert torch.isfinite(model.eval().reconstruct(codes)).all()


@both
def test_the_log_variance_stays_within_its_limit(build, shape):
    model = build().eval()
    posterior = model.posterior(noise(6, *shape) * 1e6)
    assert posterior.log_variance.abs().max() == LOG_VARIANCE_LIMIT


@both
def test_the_initial_weights_are_a_function_of_the_seed_and_leave_the_global_generator_alone(build, shape):
    before = torch.get_rng_state()
    same, again, other = (list(build(seed=seed).parameters()) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(same, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(same, other, strict=True))


@both
def test_it_sees_missing_cells_only_when_asked_to(build, shape):
    values, observed = noise(6, *shape), noise(6, *shape, seed=1) > 0
    for sees_missing in (False, True):
        model = build(sees_missing=sees_missing).eval()
        same = torch.equal(model.posterior(values, observed).mean, model.posterior(values, None).mean)
        assert same != sees_missing


@both
def test_no_mask_is_a_mask_of_ones(build, shape):
    values = noise(6, *shape)
    model = build(sees_missing=True).eval()
    everything = torch.ones(6, *shape, dtype=torch.bool)
    assert torch.equal(model.posterior(values, None).mean, model.posterior(values, everything).mean)


def test_reconstructed_levels_are_probabilities():
    found = rows().eval().reconstruct(noise(6, 4))
    assert torch.allclose(found[:, 1:4].sum(1), torch.ones(6))
    assert (found[:, 1:4] > 0).all()


def test_the_published_decoder_ends_in_a_sigmoid():
    found = images(sigmoid=True).eval().reconstruct(noise(6, 4) * 100)
    assert found.min() >= 0 and found.max() <= 1


@both
def test_half_precision_is_close_and_leaves_the_loss_in_single_precision(build, shape):
    values = noise(8, *shape)
    full, half = (build("autoencoder").loss(values, None, 0, 10, generator(), h)[0] for h in (False, True))
    assert half.dtype == torch.float32
    assert half.item() != full.item() and half.item() == pytest.approx(full.item(), rel=0.05)


def test_two_dimensions_are_enough_for_a_compressed_code():
    model = Autoencoder((5,), MIXED, [1.0, 2.0], 2, build_objective("compressed"))
    loss = model.loss(noise(3, 5), None, 0, 1, generator())[0]
    loss.backward()
    assert torch.isfinite(loss)
