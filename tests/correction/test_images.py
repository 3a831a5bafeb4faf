import json

import numpy as np
import pytest

from poleward.correction import images as module
from poleward.correction.images import ImageCorrector, few_enough, grown, log_survival, threshold_for
from poleward.records import Features

SHAPE = (3, 24, 24)


def expect(values, observed):
    """An autoencoder that knows the scene and finds its brightness from the images' medians."""
    return scene() * np.median(values / scene(), axis=(1, 2, 3), keepdims=True)


def scene():
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    light = 0.2 + 0.5 * np.exp(-((x - 12) ** 2 + (y - 12) ** 2) / 60)
    return light * np.array([1.0, 0.8, 0.6])[:, None, None]


def clean(n, seed=0):
    rng = np.random.default_rng(seed)
    common, own = rng.normal(0, 0.01, (n, 1, *SHAPE[1:])), rng.normal(0, 0.005, (n, *SHAPE))
    return scene() * rng.uniform(0.7, 1.3, (n, 1, 1, 1)) + common + own


@pytest.fixture(scope="module")
def corrector():
    return ImageCorrector.fit(expect, Features(clean(60)), Features(clean(40, seed=1)))


def stuck(images):
    images[:, 1, 5, 7] = 1.5
    return np.s_[:, 1, 5, 7]


def column(images):
    images[:, :, :, 9:11] = 0.0
    return np.s_[:, :, :, 9:11]


def trail(images):
    for place in range(24):
        images[:, :, place, place] += 0.4
    return np.s_[:, :, np.arange(24), np.arange(24)]


def band_of_noise(images):
    images[:, 2] = np.random.default_rng(5).uniform(0, 1, images[:, 2].shape)
    return np.s_[:, 2]


def stripe(images):
    images[:, :, 6:12, 3:9] += 0.15
    return np.s_[:, :, 6:12, 3:9]


@pytest.mark.parametrize("fault", [stuck, column, trail, band_of_noise, stripe])
def test_a_fault_is_found_and_repaired(corrector, fault):
    images = clean(6, seed=2)
    dirty = images.copy()
    where = fault(dirty)
    found = corrector.restore(Features(dirty), expect)
    assert found.mask[where].mean() > 0.8
    before, after = (np.square(some - images)[where].mean() for some in (dirty, found.values))
    assert after < 0.05 * before
    assert found.probability[where][found.mask[where]].min() > 0.7


def test_a_cell_outside_the_mask_is_the_very_same_value(corrector):
    dirty = clean(6, seed=2)
    trail(dirty)
    found = corrector.restore(Features(dirty), expect)
    assert found.mask.any()
    assert np.array_equal(found.values[~found.mask], dirty[~found.mask])


def test_clean_images_are_next_to_untouched(corrector):
    assert corrector.restore(Features(clean(60, seed=3)), expect).mask.mean() < 0.005


def test_a_band_that_is_off_leaves_the_others_alone(corrector):
    dirty = clean(6, seed=2)
    band_of_noise(dirty)
    assert corrector.restore(Features(dirty), expect).mask[:, :2].mean() < 0.01


def test_an_image_depends_on_no_other(corrector, monkeypatch):
    dirty = clean(8, seed=2)
    for one, fault in enumerate([stuck, column, trail, band_of_noise, stripe]):
        fault(dirty[one : one + 1])
    together = corrector.restore(Features(dirty), expect)
    monkeypatch.setattr(module, "CELLS_AT_A_TIME", 1)
    alone = corrector.restore(Features(dirty), expect)
    for name, array in vars(together).items():
        assert np.array_equal(array, getattr(alone, name)), name


def test_trusted_cells_stay_and_cells_known_to_be_wrong_change(corrector):
    dirty = clean(4, seed=2)
    stuck(dirty)
    wrong, trusted = np.zeros(dirty.shape, bool), np.zeros(dirty.shape, bool)
    trusted[:, 1, 5, 7] = True
    wrong[:, 0, 2, 2] = True
    found = corrector.restore(Features(dirty), expect, wrong, trusted)
    assert not (found.mask & trusted).any()
    assert found.mask[wrong].all()
    assert found.probability[trusted].max() == 0


def test_unobserved_cells_stay_so(corrector):
    dirty = clean(4, seed=2)
    observed = np.ones(dirty.shape, bool)
    observed[:, :, :4] = False
    dirty[:, :, :4] = 9.0
    column(dirty[:, :, 4:])
    found = corrector.restore(Features(dirty, observed), expect)
    assert found.mask.any()
    assert not (found.mask & ~observed).any()
    assert found.probability[~observed].max() == 0


def test_an_image_of_another_kind_is_left_as_it_is(corrector):
    other = np.random.default_rng(0).uniform(0, 1, (2, *SHAPE))
    assert not corrector.restore(Features(other), expect).mask.any()


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_any_number_of_bands_will_do(bands):
    def flat(values, observed):
        return np.full(values.shape, 0.5)

    rng = np.random.default_rng(0)
    some = [Features(0.5 + rng.normal(0, 0.01, (20, bands, 9, 11))) for _ in range(3)]
    some[2].values[:, 0, 4, 4] = 0.7
    found = ImageCorrector.fit(flat, *some[:2]).restore(some[2], flat)
    assert found.mask[:, 0, 4, 4].all()


def test_two_images_to_learn_from_and_one_to_calibrate_with_are_enough():
    corrector = ImageCorrector.fit(expect, Features(clean(2)), Features(clean(1, seed=1)))
    assert corrector.restore(Features(clean(0)), expect).mask.shape == (0, *SHAPE)
    assert np.isfinite(corrector.restore(Features(clean(2)), expect).values).all()


def test_what_was_learned_comes_back(corrector):
    manifest, arrays = json.loads(json.dumps(corrector.to_manifest())), corrector.to_arrays()
    again = ImageCorrector.rebuilt(manifest, arrays)
    dirty = clean(4, seed=2)
    trail(dirty)
    one, other = (some.restore(Features(dirty), expect) for some in (corrector, again))
    assert np.array_equal(one.mask, other.mask)
    assert np.allclose(one.values, other.values, atol=1e-6)


def test_a_change_that_is_no_better_supported_is_refused(corrector):
    def never_content(values, observed):
        return expect(values, observed) + (0.0 if np.array_equal(values, dirty) else 3.0)

    dirty = clean(1, seed=2)
    stuck(dirty)
    assert corrector.restore(Features(dirty), expect).mask.any()
    assert not corrector.restore(Features(dirty), never_content).mask.any()
    wrong = np.zeros(dirty.shape, bool)
    wrong[:, 1, 5, 7] = True
    assert corrector.restore(Features(dirty), never_content, wrong).mask[wrong].all()


def test_evidence_grows_only_along_connected_pixels():
    evidence = np.zeros((1, 2, 3, 7))
    evidence[0, 0, 1] = [0, 0.7, 2, 0.7, 0, 0.7, 0]
    evidence[0, 1, 1, 2] = 0.9
    assert np.argwhere(grown(evidence, 1.0)[0]).tolist() == [[0, 1, 1], [0, 1, 2], [0, 1, 3]]


def test_the_threshold_touches_no_more_cells_than_allowed():
    evidence = np.random.default_rng(0).exponential(size=(5, 1, 30, 30))
    for most in (0.0, 5.0, 50.0):
        assert grown(evidence, threshold_for(evidence, most)).sum() <= most


def test_survival_falls_with_evidence_without_end():
    evidence = np.linspace(0, 50, 200).reshape(1, 1, 1, -1)
    logs = log_survival(evidence, np.linspace(0.0, 2.0, 61)).ravel()
    assert logs[0] == 0
    assert (np.diff(logs) < 0).all()


@pytest.mark.parametrize(
    ("n", "cells", "expected"), [(10, 12, 10), (5000, 12, 1000), (5000, 3_000_000, 10), (2, 10**9, 1)]
)
def test_large_images_are_fewer_to_learn_from(n, cells, expected):
    assert few_enough(n, cells) == expected
