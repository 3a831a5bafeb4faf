import numpy as np
import pytest
import torch

from poleward.errors import SettingError
from poleward.ood.classifier import head_of, last_linear, layers_of, outputs_of
from poleward.ood.guard import Guard
from poleward.ood.mahalanobis import MahalanobisLayers
from poleward.ood.odin import ODIN
from poleward.ood.outputs import Outputs


def made(n, shift=0.0, seed=0):
    features = np.random.default_rng(seed).normal(shift, 1, (n, 3))
    return Outputs(features, features)


def test_the_share_of_refused_normal_samples_is_at_most_the_level():
    rates = [
        (~Guard("knn", seed=s).fit(made(400, seed=s)).accepts(made(200, seed=s + 99), 0.1)).mean() for s in range(30)
    ]
    assert np.mean(rates) < 0.1 + 3 * np.std(rates) / np.sqrt(30)


def test_what_is_far_away_is_refused():
    assert not Guard("knn").fit(made(400, 3.0)).accepts(made(50, -3.0), 0.05).any()


@pytest.mark.parametrize(("n", "share", "said"), [(1, 0.15, "outputs of 1 samples"), (9, 1.0, "between 0 and 1")])
def test_too_little_is_refused(n, share, said):
    with pytest.raises(SettingError, match=said):
        Guard("knn", calibration_share=share).fit(made(n))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3)).eval()


@pytest.mark.parametrize(("given", "found"), [(torch.bfloat16, np.float32), (torch.float64, np.float64)])
def test_outputs_are_at_least_as_wide_as_the_modules(network, given, found):
    outputs = outputs_of(network.to(given), [torch.zeros(2, 2, 2, dtype=given)])
    assert outputs.features.dtype == outputs.logits.dtype == found


def test_a_modules_features_go_into_its_last_layer(network):
    x = torch.randn(7, 2, 2)
    found = outputs_of(network, [(x[:4], torch.arange(4)), (x[4:], torch.arange(3))])
    with torch.no_grad():
        np.testing.assert_allclose(found.features, network[:3](x), rtol=1e-6)
        np.testing.assert_allclose(found.logits, network(x), rtol=1e-6)
    np.testing.assert_allclose(head_of(last_linear(network)).logits(found.features), found.logits, atol=1e-6)
    assert found.labels.tolist() == [0, 1, 2, 3, 0, 1, 2]


@pytest.mark.parametrize("layer", ["1", "the layer itself"])
def test_another_layer_can_be_named(network, layer):
    x = torch.randn(5, 2, 2)
    found = outputs_of(network, [x], layer if layer == "1" else network[1])
    assert np.array_equal(found.features, x.flatten(1)) and found.labels is None


def test_what_comes_out_of_layers_is_averaged_over_the_maps():
    x = torch.randn(5, 2, 6, 6)
    seen = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.Flatten(), torch.nn.Linear(48, 4)).eval()
    maps, logits = layers_of(seen, [(x[:2], torch.arange(2)), (x[2:], torch.arange(3))], ["0", seen[2]])
    with torch.no_grad():
        np.testing.assert_allclose(maps.features, seen[0](x).mean(dim=(2, 3)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(logits.features, seen(x), rtol=1e-5, atol=1e-6)
    assert np.array_equal(maps.logits, logits.logits) and maps.labels.tolist() == [0, 1, 0, 1, 2]


def test_hooks_are_gone_afterwards_even_after_a_failure(network):
    outputs_of(network, [torch.zeros(1, 2, 2)])
    with pytest.raises(RuntimeError):
        layers_of(network, [torch.zeros(1, 9, 9)], ["1"])
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())


def test_a_module_in_training_mode_is_refused(network):
    for use in (lambda: outputs_of(network.train(), []), lambda: ODIN(network.train())):
        with pytest.raises(SettingError, match=r"call \.eval\(\) first"):
            use()


def test_what_gives_no_features_is_refused(network):
    with pytest.raises(SettingError, match="no linear layer"):
        last_linear(torch.nn.ReLU())
    with pytest.raises(SettingError, match="gave no batch"):
        outputs_of(network, [])
    with pytest.raises(SettingError, match="called 0 times in 1 batches"):
        outputs_of(network, [torch.zeros(1, 2, 2)], torch.nn.Linear(2, 2))
    with pytest.raises(SettingError, match="no layer 'fc'; it has 0, 1, 2, 3"):
        layers_of(network, [], ["fc"])


def test_layers_count_alike_whatever_their_units(known, new):
    one = MahalanobisLayers().fit([known, known])
    scaled = Outputs(1000 * known.features, known.logits, known.labels)
    two = MahalanobisLayers().fit([known, scaled])
    other = Outputs(1000 * new.features, new.logits)
    np.testing.assert_allclose(one.score([new, new]), two.score([new, other]), rtol=1e-6)


def test_odin_does_not_depend_on_the_batch(network):
    x = torch.randn(70, 2, 2)
    whole = ODIN(network).score(x)
    assert np.array_equal(whole[:1], ODIN(network).score(x[:1])) and np.array_equal(
        whole[69:], ODIN(network).score(x[69:])
    )
