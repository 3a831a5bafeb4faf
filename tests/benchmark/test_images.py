import numpy as np
import pytest

from poleward.benchmark.images import data_sets, made_data_sets
from poleward.benchmark.splits import chosen


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "fashion_mnist"
    place.mkdir()
    rng = np.random.default_rng(0)
    images = {f"x_{part}": rng.integers(0, 255, (40, 6, 6), dtype=np.uint8) for part in ("train", "test")}
    np.savez(place / "fashion_mnist.npz", **images, y_train=np.arange(40) % 10, y_test=np.arange(40) % 10)
    return tmp_path


def test_the_usual_data_sets_are_those_of_the_report(tmp_path):
    names = {one.group for one in chosen(data_sets(tmp_path), [])}
    assert names == {"galaxy_zoo", "magnetic_tile", "fashion_mnist, one class as normal"}


def test_galaxies_to_choose_on_are_asked_for_as_dev(tmp_path):
    assert [one.data for one in chosen(data_sets(tmp_path), ["dev"])] == ["galaxy_zoo-dev"]


def test_a_labelled_collection_gives_one_data_set_per_class(folder):
    found = chosen(data_sets(folder), ["fashion_mnist"])
    assert [one.data for one in found] == [f"fashion_mnist/{label}" for label in range(10)]
    split = found[3].split(0)
    assert split.train.shape == (4, 6, 6, 1) and split.is_anomaly.sum() == 36
    assert split.group == "fashion_mnist, one class as normal"


@pytest.mark.parametrize("word", ["mars", "galaxy_catalogue", "dtd", "isun", "svhn", "cifar100", "hf:some/name"])
def test_collections_of_the_papers_can_be_asked_for(tmp_path, word):
    assert chosen(data_sets(tmp_path, [word]), [word])


def test_made_images_hold_both_kinds():
    splits = [one.split(0) for one in made_data_sets()]
    assert [split.data for split in splits] == ["made_galaxies", "digits"]
    assert all(0.1 < split.is_anomaly.mean() < 0.9 for split in splits)
