import numpy as np
import pytest

from poleward.records import Encoded
from poleward.scoring.contrast import SIDE, Contrast, local_contrast, pooled, predictability
from poleward.scoring.patches import Patches


def rng(seed=0):
    return np.random.default_rng(seed)


def no(n):
    return np.zeros(n, bool)


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (33, 70), (64, 128), (5, 100)])
def test_pooled_images_are_at_most_32_pixels_a_side_and_keep_a_constant(size):
    found = pooled(np.full((2, 3, *size), 7.0, np.float32))
    assert found.shape == (2, 3, min(size[0], SIDE), min(size[1], SIDE)) and found.dtype == np.float32
    assert found == pytest.approx(7.0)


def test_pooling_by_whole_blocks_keeps_the_mean():
    images = rng().normal(size=(3, 1, 64, 96))
    assert pooled(images).mean(axis=(1, 2, 3)) == pytest.approx(images.mean(axis=(1, 2, 3)))


@pytest.mark.parametrize("change", [lambda x: x + 5.0, lambda x: x * 3.0])
def test_contrast_knows_neither_brightness_nor_strength(change):
    images = rng().normal(size=(4, 2, 24, 24)) * 10
    assert local_contrast(change(images)) == pytest.approx(local_contrast(images), abs=1e-4)


def test_a_flat_image_has_no_contrast():
    assert local_contrast(np.full((1, 3, 16, 16), 0.4)) == pytest.approx(0, abs=1e-9)


def test_what_follows_from_the_rest_is_predictable_and_noise_is_not():
    hidden = rng().normal(size=(600, 2))
    followed, noise = hidden @ rng(1).normal(size=(2, 100)), rng(2).normal(size=(600, 300))
    found = predictability(np.concatenate([followed, noise], axis=1), seed=0)
    assert found[:100].min() > 0.9 and np.median(found[100:]) < 0.2
    assert found.min() >= 0 and found.max() <= 1


def test_a_pixel_that_never_varies_tells_nothing():
    cells = rng().normal(size=(60, 5))
    cells[:, 2] = 3.0
    assert predictability(cells, seed=0)[2] == 0


def stripes(n, seed=0, side=24):
    """Images of stripes at a random phase, and faint noise."""
    noise = rng(seed)
    phase = noise.uniform(0, 2 * np.pi, size=(n, 1, 1))
    waves = 0.5 + 0.3 * np.sin(np.arange(side) / 2 + phase) * np.ones((1, side, 1))
    return (waves + 0.02 * noise.normal(size=(n, side, side))).reshape(n, -1)


def with_a_spot(images, side=24):
    spoilt = images.reshape(-1, side, side).copy()
    spoilt[:, 8:12, 8:12] = 0.5
    return spoilt.reshape(len(images), -1)


def test_images_in_another_light_are_as_ordinary_as_before():
    view = Contrast((1, 24, 24)).fit(stripes(300))
    images = stripes(20, seed=1)
    assert view(images * 0.5 + 0.2) == pytest.approx(view(images), abs=0.1)


def test_a_spot_on_one_image_is_found():
    scorer = Patches((1, 24, 24)).fit(Encoded(inputs=stripes(300)))
    whole, spoilt = stripes(50, seed=1), with_a_spot(stripes(50, seed=1))
    assert np.median(scorer.score(Encoded(inputs=spoilt), no(50))) > scorer.score(Encoded(inputs=whole), no(50)).max()


def test_patches_of_ordinary_images_are_ordinary_at_every_place():
    scorer = Patches((1, 24, 24)).fit(Encoded(inputs=stripes(300)))
    scores = scorer.score(Encoded(inputs=stripes(200, seed=3)), no(200))
    assert abs(np.median(scores) - np.median(scorer.score(Encoded(inputs=stripes(300)), no(300)))) < 0.3


def test_images_smaller_than_a_patch_are_one_patch():
    images = rng().normal(size=(40, 2 * 3 * 5))
    scorer = Patches((2, 3, 5)).fit(Encoded(inputs=images))
    assert scorer.arrays()["places"].shape == (2, 1)
    assert np.isfinite(scorer.score(Encoded(inputs=images), no(40))).all()
