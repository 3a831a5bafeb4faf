import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from poleward.data.galaxies import NORMAL, ODD, galaxy_task, generate_galaxies
from poleward.errors import SettingError


def nearest(train, test):
    return NearestNeighbors(n_neighbors=3).fit(train).kneighbors(test)[0].mean(axis=1)


@pytest.fixture(scope="module")
def pixels():
    """1,500 normal images to learn from; 500 normal and 300 odd ones to judge, as rows."""
    sets = [generate_galaxies(n, odd_share=share, seed=n) for n, share in [(1500, 0.0), (500, 0.0), (300, 1.0)]]
    train, normal, odd = (galaxies.images.reshape(len(galaxies.images), -1) / 255 for galaxies in sets)
    return train, np.concatenate([normal, odd]), np.repeat([False, True], [500, 300])


def test_the_same_seed_draws_the_same_galaxies():
    once, again = (generate_galaxies(20, odd_share=0.5, seed=7) for _ in range(2))
    np.testing.assert_array_equal(once.images, again.images)
    np.testing.assert_array_equal(once.is_odd, again.is_odd)
    assert once.kind == again.kind


def test_another_seed_draws_other_galaxies():
    assert np.any(generate_galaxies(1, seed=1).images != generate_galaxies(1, seed=2).images)


def test_a_longer_run_begins_with_the_galaxies_of_a_shorter_one():
    short, long = (generate_galaxies(n, odd_share=0.5, seed=3) for n in (5, 12))
    np.testing.assert_array_equal(short.images, long.images[:5])
    assert list(short.kind) == list(long.kind[:5])


def test_no_two_galaxies_are_alike():
    images = generate_galaxies(50, size=8, odd_share=0.5).images
    assert len(np.unique(images.reshape(50, -1), axis=0)) == 50


@pytest.mark.parametrize("size", [8, 33, 64])
@pytest.mark.parametrize("bands", [1, 2, 5])
def test_images_have_the_size_and_the_bands_asked_for(size, bands):
    images = generate_galaxies(6, size=size, bands=bands, odd_share=0.5).images
    assert images.shape == (6, size, size, bands)
    assert images.dtype == np.uint8
    assert all(image.std() > 1 for image in images)


def test_the_share_of_odd_galaxies_is_the_one_asked_for():
    galaxies = generate_galaxies(1000, size=8, bands=1, odd_share=0.3)
    assert galaxies.is_odd.mean() == pytest.approx(0.3, abs=0.05)


def test_every_kind_occurs_and_its_name_says_whether_it_is_odd():
    galaxies = generate_galaxies(200, size=8, bands=1, odd_share=0.5)
    assert set(galaxies.kind) == {*NORMAL, *ODD}
    assert [name in ODD for name in galaxies.kind] == galaxies.is_odd.tolist()


@pytest.mark.parametrize(("share", "kinds"), [(0.0, NORMAL), (1.0, ODD)])
def test_a_share_of_none_or_all_draws_one_sort_only(share, kinds):
    assert set(generate_galaxies(60, size=8, odd_share=share).kind) == set(kinds)


def test_no_galaxies_at_all_may_be_asked_for():
    galaxies = generate_galaxies(0)
    assert (galaxies.images.shape, galaxies.is_odd.shape, len(galaxies.kind)) == ((0, 32, 32, 3), (0,), 0)


def test_ellipticals_are_redder_than_spirals():
    galaxies = generate_galaxies(200)
    images, is_elliptical = galaxies.images.astype(float), np.array(galaxies.kind) == "elliptical"
    redness = (images[..., 0] - images[..., -1]).mean(axis=(1, 2))
    assert redness[is_elliptical].mean() > redness[~is_elliptical].mean() + 2


def test_dropped_columns_are_black_from_top_to_bottom():
    galaxies = generate_galaxies(60, odd_share=1.0)
    black = (galaxies.images == 0).all(axis=(1, 3)).any(axis=1)
    assert black.tolist() == [name == "dropped columns" for name in galaxies.kind]


def test_brightness_does_not_tell_odd_galaxies(pixels):
    _, test, is_odd = pixels
    assert 0.4 < roc_auc_score(is_odd, test.mean(axis=1)) < 0.6


def test_distance_between_pixels_tells_few_odd_galaxies_and_structure_tells_more(pixels):
    train, test, is_odd = pixels
    structure = PCA(64, whiten=True, random_state=0).fit(train)
    by_pixels = roc_auc_score(is_odd, nearest(train, test))
    by_structure = roc_auc_score(is_odd, nearest(structure.transform(train), structure.transform(test)))
    assert 0.6 < by_pixels < 0.8
    assert by_structure > by_pixels + 0.02


def test_the_task_learns_from_normal_galaxies_and_judges_others():
    task = galaxy_task(40, 60, odd_share=0.5, size=8, bands=2, seed=4)
    assert task.train.shape == (40, 8, 8, 2)
    assert task.test.shape == (60, 8, 8, 2)
    np.testing.assert_array_equal(task.train, generate_galaxies(40, size=8, bands=2, seed=8).images)
    assert [name in ODD for name in task.kind] == task.is_odd.tolist()
    assert 0 < task.is_odd.sum() < 60
    both = np.concatenate([task.train, task.test]).reshape(100, -1)
    assert len(np.unique(both, axis=0)) == 100


@pytest.mark.parametrize(
    ("setting", "value"), [("n", -1), ("size", 7), ("bands", 0), ("seed", -1), ("odd_share", 1.5), ("odd_share", -0.1)]
)
def test_a_setting_out_of_range_is_named(setting, value):
    with pytest.raises(SettingError, match=f"{setting} is .*found {value}"):
        generate_galaxies(**({"n": 1} | {setting: value}))
