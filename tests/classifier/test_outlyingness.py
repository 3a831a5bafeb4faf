import numpy as np
import pytest
import torch

from poleward.classifier import fitting
from poleward.classifier.outlyingness import SCORERS, Fused, build_outlyingness
from poleward.errors import SettingError
from poleward.labelled.network import LabelledNetwork
from poleward.objectives.classes.catalogue import build_class_objective
from poleward.ood.max_logit import MaxLogit
from poleward.ood.nearest import Nearest
from poleward.ood.outputs import Outputs

RNG = np.random.default_rng(0)


def network(objective="islands"):
    torch.manual_seed(0)
    return LabelledNetwork(torch.nn.Identity(), build_class_objective(objective, 6, 3))


def said(model, n=60, seed=0):
    features = np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)
    with torch.no_grad():
        logits = model.objective.logits(torch.from_numpy(features)).numpy()
    return Outputs(features, logits, np.arange(n) % 3, np.tanh(features[:, :4]))


def codes_of(model, outputs):
    with torch.no_grad():
        return model.objective.codes(torch.from_numpy(outputs.features)).numpy()


def test_knn_codes_measures_between_codes_on_their_sphere():
    model = network()
    known, new = said(model), said(model, 9, seed=1)
    unit = [
        codes / np.linalg.norm(codes, axis=1, keepdims=True) for codes in (codes_of(model, o) for o in (known, new))
    ]
    expected = np.sort(np.linalg.norm(unit[1][:, None] - unit[0][None], axis=2), axis=1)[:, 3]
    found = build_outlyingness("knn-codes", model, 6, n_neighbors=4).fit(known).score(new)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_codes_that_are_features_have_the_neighbours_of_features():
    model = network("cross-entropy")
    known, new = said(model), said(model, 9, seed=1)
    scores = [build_outlyingness(name, model, 6, 4).fit(known).score(new) for name in ("knn-codes", "knn")]
    np.testing.assert_allclose(*scores, rtol=1e-6)


def placed_elsewhere(outputs, features):
    return Outputs(features, outputs.logits, outputs.labels)


def test_knn_earlier_measures_between_features_of_the_earlier_layer():
    model = network()
    known, new = said(model), said(model, 9, seed=1)
    of_layer = [placed_elsewhere(one, one.earlier) for one in (known, new)]
    found = build_outlyingness("knn-earlier", model, 6, n_neighbors=4).fit(known).score(new)
    np.testing.assert_array_equal(found, Nearest(4).fit(of_layer[0]).score(of_layer[1]))


@pytest.mark.parametrize("objective", ["islands", "cross-entropy"])
def test_the_default_asks_the_largest_logit_and_neighbours_in_every_space_on_scales_of_new_samples(objective):
    model = network(objective)
    known, unseen, new = said(model), said(model, 40, seed=2), said(model, 9, seed=1)
    spaces = [
        lambda one: one,
        lambda one: one,
        lambda one: placed_elsewhere(one, one.earlier),
        lambda one: placed_elsewhere(one, codes_of(model, one)),
    ][: 4 if objective == "islands" else 3]
    together = []
    for part, space in zip((MaxLogit(), *(Nearest(4) for _ in spaces[1:])), spaces, strict=True):
        part.fit(space(known))
        low, middle, high = np.percentile(part.score(space(unseen)), [16, 50, 84])
        together.append(np.arcsinh((part.score(space(new)) - middle) / ((high - low) / 2)))
    found = build_outlyingness("fused", model, 6, n_neighbors=4, new=unseen).fit(known).score(new)
    np.testing.assert_allclose(found, np.average(together, axis=0, weights=[1, 2, 1, 1][: len(spaces)]), rtol=1e-4)


def test_rows_have_no_earlier_layer_to_ask(make_heaps, make_classifier, monkeypatch):
    monkeypatch.setattr(fitting, "train", None)  # told before anything is trained
    with pytest.raises(SettingError, match="knn-earlier"):
        make_classifier(scorer="knn-earlier").fit(*make_heaps(20))


@pytest.mark.parametrize("name", SCORERS)
def test_a_score_is_of_its_own_sample_alone(name):
    model = network()
    fitted = build_outlyingness(name, model, 6, n_neighbors=4).fit(said(model))
    new = said(model, 9, seed=1)
    np.testing.assert_array_equal(fitted.score(new)[4:5], fitted.score(new.take(slice(4, 5))))


def test_a_fusion_of_one_part_ranks_like_it():
    model = network()
    known, new = said(model), said(model, 9, seed=1)
    fused, alone = (one.fit(known).score(new) for one in (Fused([(3.0, MaxLogit())]), MaxLogit()))
    np.testing.assert_array_equal(np.argsort(fused), np.argsort(alone))
