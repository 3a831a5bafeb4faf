"""The classifier as its users meet it."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from poleward import OpenSetClassifier
from poleward.classifier.fitting import split_by_class
from poleward.errors import SourceError


def test_it_tells_classes_apart_and_accepts_what_is_of_one(fitted, make_heaps):
    X, y = make_heaps(seed=1)
    assert (fitted.predict(X) == y).mean() > 0.95
    assert fitted.accepts(X).mean() > 0.8


@pytest.mark.parametrize("far", [[0.0, 0, 0, -900], [700.0, -700, 0, 0], [9e5, 0, 0, 0]], ids=str)
def test_a_row_far_from_everything_is_not_accepted_in_whatever_direction(fitted, make_heaps, far):
    assert fitted.score_samples([far]) < fitted.score_samples(make_heaps(seed=1)[0]).min()
    assert not fitted.accepts([far])


def test_acceptance_is_a_p_value_above_the_level_that_can_be_kept(fitted, make_heaps):
    X, _ = make_heaps(seed=1)
    level = fitted.model_.conformal.level(fitted.alpha)
    assert np.array_equal(fitted.accepts(X), fitted.p_values(X) > level)


def test_probabilities_sum_to_one_and_name_the_predicted_class(fitted, make_heaps):
    X, _ = make_heaps(seed=1)
    p = fitted.predict_proba(X)
    assert np.allclose(p.sum(axis=1), 1)
    assert np.array_equal(fitted.classes_[p.argmax(axis=1)], fitted.predict(X))


@pytest.mark.parametrize("images", [False, True])
def test_a_sample_has_the_same_bits_alone_and_in_any_batch(make_heaps, make_classifier, images):
    X, y = make_heaps()
    if images:
        X = np.random.default_rng(0).normal(size=(90, 8, 8)) + (y == "ant")[:, None, None]
    classifier = make_classifier(epochs=1, width=8).fit(X, y)
    for said in (classifier.score_samples, classifier.predict_proba, classifier.transform):
        together = said(X)
        assert np.array_equal(np.concatenate([said(X[row : row + 1]) for row in range(5)]), together[:5])
        assert np.array_equal(said(X[::-1])[::-1], together)


@pytest.mark.parametrize("labels", [[3, 7, 11], ["b", "a", "c"], [False, True, True], [1.0, 2.0, 4.0]], ids=str)
def test_labels_of_any_kind_come_back_as_they_were_given(make_heaps, make_classifier, labels, tmp_path):
    X, y = make_heaps()
    given = np.array(labels)[np.unique(y, return_inverse=True)[1]]
    classifier = make_classifier().fit(X, given)
    assert classifier.classes_.tolist() == sorted(set(labels))
    assert classifier.predict(X).dtype == given.dtype
    assert (classifier.predict(X) == given).mean() > 0.9
    classifier.save(tmp_path / "model")
    assert np.array_equal(OpenSetClassifier.load(tmp_path / "model").predict(X), classifier.predict(X))


def frame(n=60):
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "green"], n)
    return {"size": rng.normal(size=n).tolist(), "colour": colour.tolist(), "gap": [None, 1.0, 2.0] * (n // 3)}


@pytest.mark.parametrize("form", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_tables_of_mixed_columns_with_gaps_are_learned_from(make_classifier, form):
    data = frame()
    classifier = make_classifier(epochs=40).fit(form(data), data["colour"])
    assert (classifier.predict(form(data)) == data["colour"]).mean() > 0.95


def test_classes_with_one_or_two_samples_are_learned(make_heaps, make_classifier):
    X, y = make_heaps(120, n_classes=4)
    kept = np.flatnonzero((y == "ant") | (y == "bee"))[:50].tolist()
    rare = [np.flatnonzero(y == "cat")[0], *np.flatnonzero(y == "dog")[:2]]
    classifier = make_classifier(epochs=60).fit(X[kept + rare], y[kept + rare])
    assert classifier.predict(X[rare]).tolist() == ["cat", "dog", "dog"]
    assert any("2 of 4 classes have fewer than 5 samples (cat, dog)" in said for said in classifier.model_.warnings())


def test_a_thousand_classes_are_learned(make_classifier):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(1000), 2)
    X = np.repeat(rng.normal(size=(1000, 20)), 2, axis=0)
    classifier = make_classifier(epochs=6, batch_size=200, width=64, learning_rate=1e-2).fit(X, y)
    assert (classifier.predict(X) == y).mean() > 0.05
    assert classifier.predict_proba(X[:3]).shape == (3, 1000)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (["a"] * 90, "all 90 samples have the label 'a'; a classifier needs at least two classes"),
        (None, "requires y to be passed, but the target y is None"),
        (["a", None] * 45, "sample 2 has no label"),
        (["a", 3] * 45, "some labels are texts and some are numbers"),
        (["a", "b"], "inconsistent numbers of samples"),
    ],
    ids=["one class", "none", "missing", "mixed", "too few"],
)
@pytest.mark.usefixtures("as_installed")
def test_labels_that_cannot_be_learned_from_are_refused(make_heaps, make_classifier, y, said):
    with pytest.raises(ValueError, match=said):
        make_classifier().fit(make_heaps()[0], np.array(y, dtype=object) if isinstance(y, list) else y)


def test_samples_that_are_each_alone_in_their_class_are_refused(make_classifier):
    with pytest.raises(SourceError, match="each of the 9 samples is the only one of its class"):
        make_classifier().fit(np.arange(18.0).reshape(9, 2), np.arange(9))


def test_more_classes_than_accepted_are_refused(make_classifier):
    with pytest.raises(SourceError, match="2002 labels name 1001 classes"):
        make_classifier().fit(np.random.default_rng(0).normal(size=(2002, 2)), [*range(1001)] * 2)


def test_what_was_learned_survives_a_fit_that_fails(make_heaps, make_classifier):
    X, y = make_heaps()
    classifier = make_classifier(epochs=1).fit(X, y)
    before = classifier.score_samples(X)
    with pytest.raises(SourceError):
        classifier.fit(X[:, :2], ["a"] * len(X))
    assert np.array_equal(classifier.score_samples(X), before)


@pytest.mark.parametrize(("share", "n", "n_aside"), [(None, 1000, 150), (None, 100_000, 3000), (0.15, 100_000, 15_000)])
def test_a_share_is_kept_aside_but_unasked_no_more_than_calibration_needs(share, n, n_aside):
    trained, aside = split_by_class(np.arange(n) % 10, share, seed=0)
    assert len(aside) == n_aside
    assert sorted([*trained, *aside]) == list(range(n))
