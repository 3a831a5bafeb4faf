"""Laws of `contributions` that every scorer keeps, and how well they point at what was changed."""

import numpy as np
import pytest

from poleward.records import Encoded
from poleward.scoring.catalogue import IMAGE_VIEWS, SCORERS, Circumstances, build_scorer

IMAGE, ROW = (2, 12, 10), (6,)
NEEDS_IMAGES = {"reconstruction-contrast", "input-knn-weighed", "input-knn-contrast", "input-patches"}
ON_INPUTS = ["reconstruction", "input-knn", "input-knn-whitened", "input-knn-local", "input-mixture", "fused"]

CASES = [(name, IMAGE) for name in SCORERS] + [(name, ROW) for name in SCORERS if name not in IMAGE_VIEWS]


def about(shape, spherical=False):
    return Circumstances(n_neighbors=3, seed=0, weight=0.5, spherical=spherical, shape=shape)


def samples(n, shape, seed, share_unobserved=0.0):
    """Samples near a plane of few dimensions, their codes, and reconstructions that miss what is off the plane."""
    axes = np.random.default_rng(7).normal(size=(4, int(np.prod(shape))))
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(n, 4))
    inputs = codes @ axes / 2 + 0.1 * rng.normal(size=(n, axes.shape[1]))
    observed = rng.random(inputs.shape) >= share_unobserved if share_unobserved else None
    if observed is not None:
        inputs = np.where(observed, inputs, 0.0)
    return Encoded(inputs, observed, codes, np.zeros_like(codes), codes @ axes / 2)


def fitted(name, shape, share_unobserved=0.0, spherical=False):
    return build_scorer(name, about(shape, spherical)).fit(samples(120, shape, 0, share_unobserved))


def total(contributions):
    return sum(parts.sum(axis=1) for parts in contributions.values())


def within_rounding(contributions):
    return 1e-9 * sum(np.abs(parts).sum(axis=1) for parts in contributions.values())


@pytest.mark.parametrize("share_unobserved", [0.0, 0.2])
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_contributions_sum_to_the_score(name, shape, share_unobserved):
    scorer = fitted(name, shape, share_unobserved)
    new, unmet = samples(9, shape, 1, share_unobserved), np.zeros(9, bool)
    parts = scorer.contributions(new, unmet)
    assert (np.abs(total(parts) - scorer.score(new, unmet)) <= within_rounding(parts)).all()


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_an_unobserved_cell_contributes_nothing(name, shape):
    scorer = fitted(name, shape, 0.2)
    new = samples(9, shape, 1, 0.2)
    parts = scorer.contributions(new, np.zeros(9, bool))
    if "inputs" in parts:
        assert not parts["inputs"][~new.observed].any()
        assert parts["inputs"].any()


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_a_sample_that_was_trained_on_is_explained_without_itself(name, shape):
    scorer = fitted(name, shape)
    known, itself = samples(120, shape, 0), np.ones(120, bool)
    parts = scorer.contributions(known, itself)
    assert (np.abs(total(parts) - scorer.score(known, itself)) <= within_rounding(parts)).all()


def test_the_plainest_neighbour_is_told_by_squared_differences():
    scorer = build_scorer("input-knn", Circumstances(n_neighbors=1, seed=0, weight=1.0, shape=(2,)))
    scorer.fit(Encoded(inputs=np.array([[0.0, 0.0], [90.0, 90.0]])))
    parts = scorer.contributions(Encoded(inputs=np.array([[3.0, 4.0]])), np.zeros(1, bool))
    assert parts["inputs"] == pytest.approx(np.array([[9 / 5, 16 / 5]]))


@pytest.mark.parametrize("name", [*ON_INPUTS, "input-isolation-forest"])
def test_a_changed_column_contributes_most(name):
    new = samples(60, ROW, 1)
    changed = np.arange(60) % 6
    new.inputs[np.arange(60), changed] += 6 * np.where(np.arange(60) % 2, 1, -1)
    parts = fitted(name, ROW).contributions(new, np.zeros(60, bool))["inputs"]
    assert np.mean(parts.argmax(axis=1) == changed) > 0.6  # by chance 0.17


@pytest.mark.parametrize("name", [*ON_INPUTS, "input-knn-weighed", "input-knn-contrast", "input-patches"])
def test_a_pasted_patch_contributes_more_than_its_share(name):
    new = samples(30, IMAGE, 1)
    images = new.inputs.reshape(30, *IMAGE)
    images[:, :, 3:7, 2:6] += 4 * np.random.default_rng(5).choice([-1.0, 1.0], (30, 2, 4, 4))
    parts = fitted(name, IMAGE).contributions(new, np.zeros(30, bool))["inputs"].reshape(30, *IMAGE)
    best = np.sort(parts.reshape(30, -1), axis=1)[:, -32]
    inside = (parts >= best[:, None, None, None])[:, :, 3:7, 2:6].sum(axis=(1, 2, 3)) / 32
    assert inside.mean() > 0.3  # the patch is 13 % of the image


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_the_nearest_are_those_that_a_scorer_keeps(name, shape):
    scorer = fitted(name, shape)
    new = samples(5, shape, 1)
    rows, distances = scorer.nearest(new, np.zeros(5, bool))
    assert rows.shape == distances.shape
    keeps = any(words in name for words in ("knn", "fused"))
    assert rows.shape[1] == (3 if keeps else 0)
    assert (np.diff(distances, axis=1) >= 0).all()
