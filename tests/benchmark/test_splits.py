from dataclasses import replace

import numpy as np
import pytest

from poleward.benchmark.splits import DataSet, Split, chosen
from poleward.errors import SettingError


def split_of(seed=0):
    rng = np.random.default_rng(seed)
    return Split("g", "d", seed, rng.normal(size=(6, 2)), rng.normal(size=(4, 2)), np.arange(4) > 2)


def data_set(data, names, protocol="", usual=True):
    return DataSet("g", data, frozenset(names), lambda seed: split_of(seed), protocol, usual)


FEW = [
    data_set("a", {"a", "confirm"}, "normal-only"),
    data_set("a", {"a", "confirm"}, "contaminated"),
    data_set("b", {"b", "dev"}, "normal-only", usual=False),
]


def test_the_same_samples_have_the_same_hash():
    assert split_of().hash == split_of().hash
    assert len(split_of().hash) == 12


@pytest.mark.parametrize("part", ["train", "test", "is_anomaly"])
def test_other_samples_or_labels_have_another_hash(part):
    array = getattr(split_of(), part)
    assert replace(split_of(), **{part: array[::-1]}).hash != split_of().hash


def test_the_order_of_samples_counts_and_the_name_does_not():
    assert replace(split_of(), data="other", seed=9).hash == split_of().hash


CHOICES = [
    ([], ["a", "a"]),
    (["raw-5nn"], ["a", "a"]),
    (["contaminated"], ["a"]),
    (["dev"], ["b"]),
    (["a", "b"], ["a", "a", "b"]),
    (["b", "a", "normal-only"], ["a", "b"]),
]


@pytest.mark.parametrize(("words", "data"), CHOICES)
def test_words_choose_data_sets_and_narrow_the_protocol(words, data):
    assert [one.data for one in chosen(FEW, words)] == data


def test_a_choice_that_leaves_nothing_is_refused():
    with pytest.raises(SettingError, match="no data set is left"):
        chosen(FEW, ["b", "contaminated"])
