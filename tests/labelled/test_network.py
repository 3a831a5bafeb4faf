import numpy as np
import pytest
import torch

from poleward.labelled.augmentation import Augmentation
from poleward.labelled.network import LabelledNetwork
from poleward.networks.resnet9 import ResNet9
from poleward.objectives.classes.catalogue import build_class_objective
from poleward.records import Features
from poleward.training.loop import Plan, train

PLAN = Plan(epochs=6, batch_size=16, learning_rate=0.1, seed=0, optimizer="muon", schedule="one-cycle")


def stripes(n=64):
    """Pictures with bars that lie (class 0) or stand (class 1), under noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    bars = np.tile(np.resize([1.0, 1.0, -1.0, -1.0], 8), (8, 1))
    pictures = np.where(labels[:, None, None], bars, bars.T) + 0.3 * rng.normal(size=(n, 8, 8))
    return Features(pictures[:, None].astype(np.float32), labels=labels)


def built(name="islands", **settings):
    torch.manual_seed(0)
    network = ResNet9(1, 8)
    return LabelledNetwork(network, build_class_objective(name, network.n_features, 2, **settings), Augmentation())


@pytest.mark.parametrize("half_precision", [False, True])
def test_a_labelled_network_learns_classes_it_then_names(half_precision):
    data, model = stripes(), built()
    plan = Plan(**{**vars(PLAN), "half_precision": half_precision})
    train(model, lambda rows: data[rows], len(data), plan)
    with torch.no_grad():
        named = model.objective.logits(model(torch.as_tensor(data.values))).argmax(1)
    assert (named.numpy() == data.labels).mean() > 0.95


def test_a_run_is_a_function_of_its_plan():
    data, states = stripes(), []
    for seed in (0, 0, 1):
        model = built()
        train(model, lambda rows: data[rows], len(data), Plan(**{**vars(PLAN), "epochs": 1, "seed": seed}))
        states.append(torch.cat([tensor.flatten() for tensor in model.state_dict().values()]))
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])


def test_views_are_stacked_and_turned_as_the_objective_asks():
    model = LabelledNetwork(torch.nn.Flatten(), build_class_objective("csi", 64, 2))
    x = torch.rand(3, 1, 8, 8)
    views = model._views(x, torch.Generator())
    assert len(views) == 24
    assert torch.equal(views[:3], x) and torch.equal(views[15:18], x.rot90(1, dims=(2, 3)))


def test_views_of_one_image_differ():
    model = built("sup-con")
    first, second = model._views(torch.rand(4, 1, 8, 8), torch.Generator().manual_seed(0)).chunk(2)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("mirror", [False, True])
def test_an_image_and_its_mirror_image_have_the_same_features_where_training_shows_both(mirror):
    model = LabelledNetwork(torch.nn.Flatten(), build_class_objective("islands", 64, 2), Augmentation(mirror=mirror))
    x = torch.rand(3, 1, 8, 8)
    assert torch.equal(model(x), model(x.flip(-1))) == mirror
    assert torch.equal(model(x).view_as(x), (x + x.flip(-1)) / 2 if mirror else x)


@pytest.mark.parametrize("mirror", [False, True])
def test_the_earlier_layer_is_the_middle_residual_pair_of_both_sides(mirror):
    model = built().eval()
    model.augmentation = Augmentation(mirror=mirror)
    seen = []
    model.network.middle.register_forward_hook(lambda pair, given, found: seen.append(found.mean(dim=(2, 3))))
    x = torch.rand(3, 1, 8, 8)
    features, earlier = model.with_earlier(x)
    assert torch.equal(features, model(x))
    torch.testing.assert_close(earlier, torch.stack(seen[: 1 + mirror]).mean(dim=0))
    assert mirror or not torch.allclose(seen[0], model.with_earlier(x.flip(-1))[1])
