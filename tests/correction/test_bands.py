import numpy as np
import pytest

from poleward.correction.bands import Agreement, Covariance


def law():
    root = np.random.default_rng(0).normal(size=(4, 4))
    return Covariance(root @ root.T)


@pytest.mark.parametrize("missing", [[], [0], [1, 3], [0, 1, 2, 3]])
def test_expectations_are_those_of_the_gaussian_law(missing):
    cells = np.random.default_rng(1).normal(size=(1, 4, 1, 1))
    known = np.ones(cells.shape, bool)
    known[:, missing] = False
    expected = law().expected(cells, known).ravel()
    for band in range(4):
        others = [other for other in range(4) if other != band and other not in missing]
        block = np.linalg.pinv(law().matrix[np.ix_(others, others)])
        right = law().matrix[band, others] @ block @ cells.ravel()[others] if others else 0.0
        assert np.isclose(expected[band], right)


def test_a_pixel_s_expectation_depends_on_no_other_pixel():
    cells = np.random.default_rng(1).normal(size=(3, 4, 5, 7))
    known = np.random.default_rng(2).random(cells.shape) < 0.6
    whole = law().expected(cells, known)
    one = law().expected(cells[1:2, :, 2:3, 3:4], known[1:2, :, 2:3, 3:4])
    assert np.array_equal(whole[1:2, :, 2:3, 3:4], one)


def test_a_covariance_is_learned_from_known_cells_alone():
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(50, 1, 20, 20)) * np.array([1.0, 2.0]).reshape(1, 2, 1, 1)
    known = rng.random(cells.shape) < 0.7
    spoiled = np.where(known, cells, 99.0)
    assert np.allclose(Covariance.of(spoiled, known).matrix, [[1, 2], [2, 4]], rtol=0.05)


def scenes(n, bands, seed=0):
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.2, 1, (n, 1, 8, 8)) * np.linspace(1, 2, bands)[:, None, None]
    return light + rng.normal(0, 0.02, light.shape)


def surprise(values, seen):
    grey = (seen / np.linspace(1, 2, seen.shape[1])[:, None, None]).mean(axis=1, keepdims=True)
    return (values - grey * np.linspace(1, 2, seen.shape[1])[:, None, None]) / 0.02


def agreement(bands):
    values = scenes(60, bands)
    return Agreement.of(values, np.ones(values.shape, bool), surprise)


@pytest.mark.parametrize("band", range(4))
def test_the_one_band_that_is_off_is_told(band):
    values = scenes(5, 4, seed=1)
    values[2:, band] = 0.3
    broken = agreement(4).broken(values, np.ones(values.shape, bool), surprise)
    assert np.argwhere(broken).tolist() == [[image, band] for image in (2, 3, 4)]


def test_an_image_whose_bands_are_all_off_has_no_single_broken_one():
    values = np.random.default_rng(1).uniform(0.2, 2, (5, 4, 8, 8))
    assert not agreement(4).broken(values, np.ones(values.shape, bool), surprise).any()


def test_of_two_bands_that_disagree_neither_is_called_broken():
    values = scenes(5, 2, seed=1)
    values[:, 0] = 0.3
    assert not agreement(2).broken(values, np.ones(values.shape, bool), surprise).any()


def test_clean_images_have_no_broken_band():
    values = scenes(60, 4, seed=2)
    assert not agreement(4).broken(values, np.ones(values.shape, bool), surprise).any()
