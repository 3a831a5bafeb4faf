import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import conv2d

from poleward.benchmark.released import ENCODER, under_our_names
from poleward.networks.residual import Residual, ResidualDecoder, ResidualEncoder, pyramid, stage_widths

SIZES = [(1, 1), (2, 3), (4, 4), (5, 9), (8, 8), (28, 28), (33, 64), (64, 20)]

PUBLISHED_DECODER = {
    "decoder.L2F.0.": "expand.",
    "decoder.L2F.1.": "expand_norm.",
    "decoder.main.predict.": "predict.",
    "decoder.main.res_in_4.": "first.",
    "decoder.main.res_in_8.": "blocks.0.",
    "decoder.main.res_in_16.": "blocks.1.",
    "decoder.main.res_in_32.": "blocks.2.",
}


def published_networks():
    torch.manual_seed(0)
    return ResidualEncoder(3, (32, 32), 128).eval(), ResidualDecoder(3, (32, 32), 128, sigmoid=True).eval()


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def n_parameters(*networks):
    return sum(parameter.numel() for network in networks for parameter in network.parameters())


def test_at_32_by_32_it_has_as_many_parameters_as_the_published_network():
    assert n_parameters(*published_networks()) == 660_995


def test_the_published_weights_give_the_published_outputs(shared):
    weights = load_file(shared("reference/published_cifar10_full_z128.safetensors"))
    encoder, decoder = published_networks()
    encoder.load_state_dict(under_our_names(weights, ENCODER))
    decoder.load_state_dict(under_our_names(weights, PUBLISHED_DECODER))
    with np.load(shared("reference/published_cifar10_outputs_eval.npz")) as archive:
        images, mu, logvar, reconstruction = (
            torch.tensor(archive[name]) for name in ("images", "mu", "logvar", "reconstruction_of_projected_mu")
        )
    with torch.no_grad():
        found_mu, found_logvar = encoder(images.permute(0, 3, 1, 2) / 255).chunk(2, dim=1)
        projected = found_mu / found_mu.norm(dim=1, keepdim=True) * 128**0.5
        found = decoder(projected)
    assert torch.allclose(found_mu, mu, rtol=0, atol=1e-4)
    assert torch.allclose(found_logvar, logvar, rtol=0, atol=1e-4)
    assert torch.allclose(found, reconstruction, rtol=0, atol=1e-4)


def test_every_published_weight_has_its_place(shared):
    weights = load_file(shared("reference/published_cifar10_full_z128.safetensors"))
    ours = [under_our_names(weights, names) for names in (ENCODER, PUBLISHED_DECODER)]
    assert sum(map(len, ours)) == len(weights)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bands", [1, 5])
def test_any_size_and_band_count_goes_there_and_back(size, bands):
    encoder, decoder = ResidualEncoder(bands, size, 6), ResidualDecoder(bands, size, 6)
    images = noise(3, bands, *size)
    encoded = encoder(images)
    assert encoded.shape == (3, 12)
    assert decoder(encoded[:, :6]).shape == images.shape


@pytest.mark.parametrize(("size", "n_halvings"), [((4, 4), 0), ((5, 1), 1), ((28, 28), 3), ((32, 32), 3), ((64, 8), 4)])
def test_sizes_halve_until_four_pixels_are_left(size, n_halvings):
    sizes = pyramid(size)
    assert len(sizes) == n_halvings + 1
    assert max(sizes[-1]) <= 4 and all(max(larger) > 4 for larger in sizes[:-1])


def test_widths_double_up_to_64():
    assert stage_widths(6) == [16, 32, 64, 64, 64, 64]


def test_every_parameter_gets_a_gradient():
    encoder, decoder = ResidualEncoder(2, (9, 12), 4), ResidualDecoder(2, (9, 12), 4)
    decoder(encoder(noise(4, 2, 9, 12))[:, :4]).square().sum().backward()
    unused = encoder.head.weight.grad[4:]
    assert not unused.any()
    for network in (encoder, decoder):
        assert all(parameter.grad.any() for parameter in network.parameters() if parameter.grad is not None)
        assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(("width_in", "width_out"), [(3, 5), (4, 4)])
def test_a_residual_block_is_two_normalised_convolutions_around_a_skip(width_in, width_out):
    block = Residual(width_in, width_out).eval()
    for norm in (block.bn1, block.bn2):
        norm.running_mean.copy_(noise(width_out, seed=1))
        norm.running_var.copy_(noise(width_out, seed=2).exp())

    def bent(x):
        return torch.where(x > 0, x, 0.2 * x)

    def normalised(x, norm):
        return (x - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt()

    x = noise(2, width_in, 6, 7)
    inner = bent(normalised(conv2d(x, block.conv1.weight, padding=1), block.bn1))
    skip = x if width_in == width_out else conv2d(x, block.skip.weight)
    expected = bent(normalised(conv2d(inner, block.conv2.weight, padding=1), block.bn2) + skip)
    assert torch.allclose(block(x), expected, atol=1e-5)


def test_the_stem_and_the_first_layer_of_the_decoder_bend_with_slope_a_fifth():
    for network, norm, sample in zip(
        published_networks(), ("stem_norm", "expand_norm"), (noise(1, 3, 32, 32), noise(1, 128)), strict=True
    ):
        seen = []
        following = network.blocks[0] if norm == "stem_norm" else network.first
        getattr(network, norm).register_forward_hook(lambda module, args, out, seen=seen: seen.append(out.clone()))
        following.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args[0]))
        network(sample)
        bent = torch.where(seen[0] > 0, seen[0], 0.2 * seen[0])
        pooled = torch.nn.functional.avg_pool2d(bent, 2) if norm == "stem_norm" else bent.reshape(seen[1].shape)
        assert torch.allclose(seen[1], pooled)


@pytest.mark.parametrize("network", published_networks(), ids=["encoder", "decoder"])
def test_in_evaluation_samples_do_not_see_each_other(network):
    samples = noise(4, 3, 32, 32) if isinstance(network, ResidualEncoder) else noise(4, 128)
    with torch.no_grad():
        together = network(samples)
        alone = torch.cat([network(sample[None]) for sample in samples])
    assert torch.allclose(together, alone, atol=1e-5)


def test_only_the_sigmoid_keeps_predictions_between_zero_and_one():
    codes = noise(8, 4) * 100
    for sigmoid in (True, False):
        torch.manual_seed(0)
        predictions = ResidualDecoder(1, (8, 8), 4, sigmoid)(codes)
        assert bool(((predictions >= 0) & (predictions <= 1)).all()) == sigmoid
