"""What is true of every score of features and logits."""

from dataclasses import replace

import numpy as np
import pytest

from poleward.errors import SettingError
from poleward.ood.catalogue import NAMES, build_score
from poleward.ood.outputs import Head, Outputs
from poleward.ood.subspace import SubspaceNearest


@pytest.fixture(params=NAMES)
def fitted(request, head, known):
    return build_score(request.param, head).fit(known)


def test_a_score_depends_on_its_own_row_alone(fitted, new):
    whole = fitted.score(new)
    alone = np.concatenate([fitted.score(new.take([row])) for row in range(len(new))])
    backwards = fitted.score(new.take(np.arange(len(new))[::-1]))[::-1]
    assert np.array_equal(whole, alone) and np.array_equal(whole, backwards)


def test_scores_are_float64_and_finite(fitted, new):
    scores = fitted.score(new)
    assert scores.dtype == np.float64 and scores.shape == (len(new),) and np.isfinite(scores).all()


def test_samples_of_no_cluster_are_further_out_than_training_samples(fitted, known, new):
    assert np.median(fitted.score(new)) > np.median(fitted.score(known))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_classes_does_not_matter(name, head, known, new):
    order = np.array([2, 0, 3, 1])
    turned = Head(head.weight[order], head.bias[order])
    other = Outputs(known.features, known.logits[:, order], np.argsort(order)[known.labels])
    one = build_score(name, head).fit(known).score(new)
    two = build_score(name, turned).fit(other).score(replace(new, logits=new.logits[:, order]))
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["msp", "grad-norm"])
def test_a_constant_added_to_the_logits_changes_nothing(name, known, new):
    score = build_score(name).fit(known)
    np.testing.assert_allclose(score.score(replace(new, logits=new.logits + 7)), score.score(new), rtol=1e-12)


@pytest.mark.parametrize("name", ["energy", "max-logit"])
def test_a_constant_added_to_the_logits_is_taken_from_the_score(name, new):
    score = build_score(name)
    np.testing.assert_allclose(score.score(replace(new, logits=new.logits + 7)), score.score(new) - 7, rtol=1e-12)


def test_neighbours_do_not_see_the_length_of_features(known, new):
    score = build_score("knn").fit(known)
    np.testing.assert_allclose(score.score(replace(new, features=9 * new.features)), score.score(new), atol=1e-6)


def test_an_invertible_map_of_the_features_leaves_mahalanobis(known, new):
    turn = np.random.default_rng(0).normal(size=(known.features.shape[1],) * 2)
    one = build_score("mahalanobis").fit(known).score(new)
    moved = replace(known, features=known.features @ turn)
    two = build_score("mahalanobis").fit(moved).score(replace(new, features=new.features @ turn))
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_an_unknown_score_and_one_without_its_head_are_refused():
    with pytest.raises(SettingError, match=r"'mps' is unknown; choose one of msp, "):
        build_score("mps")
    with pytest.raises(SettingError, match="needs the last linear layer"):
        build_score("vim")


def test_mahalanobis_without_labels_is_refused(known):
    with pytest.raises(SettingError, match="labels of the training samples"):
        build_score("mahalanobis").fit(replace(known, labels=None))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((np.zeros((2, 1)), np.zeros((3, 1))), "features of 2 samples and logits of 3"),
        ((np.zeros((2, 1)), np.zeros((2, 1)), np.zeros(3, int)), "3 labels of 2 samples"),
        ((np.zeros((2, 1, 1)), np.zeros((2, 1))), r"features are \(samples, columns\); found an array \(2, 1, 1\)"),
        ((np.zeros((2, 1)), np.array([[0.0], [np.nan]])), "logits are finite numbers; those of row 1 are not"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(given, said):
    with pytest.raises(SettingError, match=said):
        Outputs(*given)


def test_a_head_that_does_not_fit_is_refused():
    with pytest.raises(SettingError, match=r"found \(3, 2\) and \(2,\)"):
        Head(np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(SettingError, match="a sample has 5 features and the head takes 3"):
        Head(np.zeros((5, 3)), np.zeros(5)).logits(np.zeros((1, 5)))


def test_the_nearest_in_a_subspace_are_those_of_a_plain_search(head, known, new):
    share, k = 1 / 3, 7
    found = SubspaceNearest(head, share, k).fit(known).score(new)
    for row in range(len(new)):
        c = new.logits[row].argmax()
        contribution = (known.features * head.weight[c])[known.logits.argmax(axis=1) == c].mean(axis=0)
        kept = np.argsort(contribution)[-4:]
        bank, query = known.features[:, kept], new.features[row, kept]
        bank, query = bank / np.linalg.norm(bank, axis=1, keepdims=True), query / np.linalg.norm(query)
        assert found[row] == pytest.approx(np.sort(np.linalg.norm(bank - query, axis=1))[k - 1], abs=1e-6)
