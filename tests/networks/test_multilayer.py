import pytest
import torch
from torch import nn

from poleward.networks.multilayer import MultilayerDecoder, MultilayerEncoder, multilayer


def widths(layers):
    return [(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, nn.Linear)]


def test_the_decoder_mirrors_the_encoder():
    assert widths(MultilayerEncoder(7, 3, (20, 10)).layers) == [(7, 20), (20, 10), (10, 6)]
    assert widths(MultilayerDecoder(7, 3, (20, 10)).layers) == [(3, 10), (10, 20), (20, 7)]


def test_without_hidden_layers_it_is_linear():
    network = multilayer(4, (), 2)
    x, y = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(network(x + y), network(x) + network(y) - network(torch.zeros(4)), atol=1e-6)


def test_hidden_layers_bend_with_slope_a_fifth():
    network = multilayer(1, (1,), 1)
    for layer in (network[0], network[2]):
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
    assert network(torch.tensor([[5.0], [-5.0]])).flatten().tolist() == [5, -1]


@pytest.mark.parametrize("network", [MultilayerEncoder(6, 6), MultilayerDecoder(6, 6)])
def test_rows_do_not_see_each_other(network):
    rows = torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    network.double()
    assert torch.allclose(network(rows), torch.cat([network(row[None]) for row in rows]))
