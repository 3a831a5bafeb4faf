import numpy as np
import pytest

from poleward.benchmark import class_splits
from poleward.benchmark.class_splits import data_sets, held_out, made_data_sets, with_classes
from poleward.benchmark.splits import Split, chosen
from poleward.data.labelled import TRAIN, Labelled
from poleward.errors import SettingError


@pytest.fixture(scope="module")
def split():
    return made_data_sets()[0].split(0)


def collection(n):
    images = np.arange(n * 12, dtype=np.uint16).reshape(n, 2, 2, 3)
    return Labelled(images, np.arange(n) % 10)


def test_classes_that_are_left_out_are_not_trained_on_and_are_the_anomalies(split):
    assert set(np.unique(split.labels)) == {0, 1, 2, 4, 5, 6, 7, 9}
    assert set(split.test_labels[split.is_anomaly]) == {-1}
    assert not set(split.test_labels[~split.is_anomaly]) & {3, 8}


def test_a_split_without_classes_is_refused(split):
    with pytest.raises(SettingError, match="plain has no classes"):
        with_classes(Split("g", "plain", 0, split.train, split.test, split.is_anomaly))


def test_near_and_far_sets_are_usual_and_what_is_chosen_on_is_not(tmp_path):
    there = data_sets(tmp_path)
    assert [one.data for one in chosen(there, [])] == ["tin_nonoverlap", "textures", "fashion_mnist", "galaxies"]
    assert [one.data for one in chosen(there, ["far"])] == ["textures", "fashion_mnist", "galaxies"]
    assert len(chosen(there, ["dev"])) == 4 and len(chosen(there, ["rotations"])) == 10


def test_what_is_held_out_is_in_no_other_part():
    kept, ranked = held_out(collection(200))
    together = np.concatenate([kept.images, ranked.images])
    assert len(ranked.images) == 20 and len(np.unique(together[:, 0, 0, 0])) == 200


def test_what_is_chosen_on_reads_the_training_part_alone(tmp_path, monkeypatch):
    read = []

    def part(folder, name):
        read.append(name)
        return collection(1000 + 7)

    monkeypatch.setattr(class_splits, "read_cifar", part)
    found = chosen(data_sets(tmp_path), ["dev"])[0].split(0)
    assert read == [TRAIN] and not set(found.train[:, 0, 0, 0]) & set(found.test[:, 0, 0, 0])
    assert not set(found.labels) & {2, 9}


def test_every_rotation_leaves_two_neighbouring_classes_out(tmp_path, monkeypatch):
    monkeypatch.setattr(class_splits, "read_fashion_mnist", lambda folder, name: collection(100))
    for r, one in enumerate(chosen(data_sets(tmp_path), ["rotations"])):
        assert set(range(10)) - set(one.split(0).labels) == {r, (r + 1) % 10}
