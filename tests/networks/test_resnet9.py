import pytest
import torch

from poleward.networks.resnet9 import ResNet9


@pytest.mark.parametrize("size", [(8, 8), (8, 30), (28, 28), (32, 32), (33, 65)])
@pytest.mark.parametrize("bands", [1, 5])
def test_images_of_any_size_and_band_count_have_features(bands, size):
    network = ResNet9(bands, 2).eval()
    features = network(torch.rand(2, bands, *size))
    assert features.shape == (2, network.n_features) and features.std() > 0


def test_in_evaluation_mode_an_image_is_seen_by_itself():
    network = ResNet9(3, 4).eval()
    x = torch.rand(5, 3, 16, 16)
    assert torch.allclose(network(x)[2:3], network(x[2:3]), atol=1e-5)


def test_every_parameter_takes_part():
    network = ResNet9(3, 4)
    network(torch.rand(4, 3, 16, 16)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
