"""The same numbers as pytorch-ood 0.4.0 where it has the method: live where it is installed, and as golden numbers."""

import importlib.util
import warnings

import numpy as np
import pytest
import torch

from poleward.ood.catalogue import build_score
from poleward.ood.dice import DICE
from poleward.ood.odin import ODIN
from poleward.ood.vim import ViM

GOLDEN = {
    "msp": (0.040594, 0.168369, 0.278609),
    "max-logit": (-3.845328, -3.744001, -2.611963),
    "energy": (-3.886769, -3.928367, -2.938537),
    "knn": (0.709752, 0.591537, 0.799642),
    "mahalanobis": (339.470398, 51.685612, 73.524567),
    "vim": (35.030785, 7.523824, 8.540781),
    "dice": (-11.864443, -6.339841, -4.297986),
    "react": (-2.807602, -3.928367, -2.907195),
    "ash-s": (-10.845894, -19.426796, -7.549320),
    "ash-p": (-3.391420, -4.139825, -2.393322),
    "ash-b": (-3.668530, -4.094092, -3.835034),
}
"""Scores of the first three of the `new` samples by pytorch-ood 0.4.0 in float64."""

GOLDEN_ODIN = (0.6571416729, 0.6577231593, 0.6629356320)
"""Of the first three inputs below, at temperature 10 and noise 0.05, by pytorch-ood 0.4.0, plus 1."""


@pytest.fixture(scope="module")
def peer():
    """pytorch-ood; its import of torchvision needs two operators that a CPU build of torch lacks."""
    if importlib.util.find_spec("pytorch_ood") is None:
        pytest.skip("pytorch-ood is not installed; it comes with the extra peers")
    if not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        peer.library = library  # kept, or the operators go with it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pytorch_ood.detector

        return pytorch_ood.detector


def tensor(array):
    return torch.as_tensor(np.array(array))


def shaped(module, head):
    """Features as maps of one pixel -> logits, for the methods that shape maps."""
    weight, bias = tensor(head.weight), tensor(head.bias)
    return lambda maps: maps.flatten(1) @ weight.T + bias


def by_peer(module, name, head, known, new):
    """What the peer says of the new samples."""
    weight, bias, logits, features = (tensor(a) for a in (head.weight, head.bias, new.logits, new.features))
    fit = tensor(known.features), tensor(known.labels)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if name == "msp":
            return module.MaxSoftmax.score(logits) + 1
        if name == "max-logit":
            return module.MaxLogit.score(logits)
        if name == "energy":
            return module.EnergyBased.score(logits)
        if name == "knn":
            return module.KNN(None, k=50, normalize=True).fit_features(*fit).predict_features(features)
        if name == "mahalanobis":
            one = module.Mahalanobis(None).fit_features(fit[0].float(), fit[1])
            return 2 * len(known) * one.predict_features(features.float())  # it divides neither by n nor by 1/2
        if name == "vim":
            return module.ViM(None, d=6, w=weight, b=bias).fit_features(*fit).predict_features(features)
        if name == "dice":
            return module.DICE(None, w=weight, b=bias, p=0.7).fit_features(*fit).predict_features(features)
        if name == "react":
            one = module.ReAct(None, shaped(module, head))
            one.fit_feature_maps(fit[0][:, :, None, None], fit[1])
            return one.predict_feature_maps(features[:, :, None, None])
        if name.startswith("ash"):
            one = module.ASH(None, shaped(module, head), variant=f"ash-{name[-1]}", percentile=0.65)
            return one.predict_feature_maps(features[:, :, None, None])
    raise AssertionError(name)


def ours(name, head, known, new):
    if name == "vim":
        return ViM(head, 6).fit(known).score(new)
    if name == "dice":
        return DICE(head, 0.7).fit(known).score(new)
    return build_score(name, head).fit(known).score(new)


RTOL, ATOL = 1e-4, 1e-4
"""The peer computes some of them in float32."""

NAMES = ("msp", "max-logit", "energy", "knn", "mahalanobis", "vim", "dice", "react", "ash-s", "ash-p", "ash-b")


@pytest.mark.parametrize("name", NAMES)
def test_a_score_is_that_of_pytorch_ood(name, peer, head, known, new):
    found = np.asarray(by_peer(peer, name, head, known, new), np.float64)
    np.testing.assert_allclose(ours(name, head, known, new), found, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("name", NAMES)
def test_a_score_is_the_golden_number(name, head, known, new):
    np.testing.assert_allclose(ours(name, head, known, new)[:3], GOLDEN[name], rtol=RTOL, atol=ATOL)


def test_the_norm_of_the_gradient_is_that_of_autograd(head, new):
    weight, bias = (tensor(a).requires_grad_() for a in (head.weight, head.bias))
    for row, score in enumerate(build_score("grad-norm").score(new)[:5]):
        logits = weight @ tensor(new.features[row]) + bias
        loss = -torch.log_softmax(logits, 0).mean()
        (gradient,) = torch.autograd.grad(loss, weight)
        assert score == pytest.approx(-float(gradient.abs().sum()), rel=1e-9)


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3)).double().eval()


@pytest.fixture
def x():
    return torch.randn(10, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_odin_is_that_of_pytorch_ood(peer, classifier, x):
    theirs = peer.ODIN(classifier, eps=0.05, temperature=10.0).predict(x.clone()) + 1
    np.testing.assert_allclose(ODIN(classifier, 10.0, 0.05).score(x), theirs.detach().numpy(), rtol=1e-6)


def test_odin_is_the_golden_number(classifier, x):
    np.testing.assert_allclose(ODIN(classifier, 10.0, 0.05).score(x)[:3], GOLDEN_ODIN, rtol=1e-6)


def test_odin_moves_an_input_towards_its_prediction(classifier, x):
    assert (ODIN(classifier, 1.0, 0.05).score(x) < ODIN(classifier, 1.0, 0.0).score(x)).all()
