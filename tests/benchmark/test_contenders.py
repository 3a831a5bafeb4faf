import numpy as np
import pytest

from poleward.benchmark.contenders import Contender, among, require_known, single
from poleward.benchmark.splits import Split
from poleward.errors import SettingError


def contender(name="net", **about):
    return Contender(name, (f"{name}+knn", f"{name}+mse"), lambda split, effort: {}, **about)


def images(seed):
    return Split("g", "d", seed, np.zeros((3, 2, 2, 1)), np.zeros((2, 2, 2, 1)), np.array([True, False]))


def table(seed):
    return Split("g", "d", seed, np.zeros((3, 2)), np.zeros((2, 2)), np.array([True, False]))


def test_a_contender_for_images_takes_no_table():
    only_images = contender(kinds=frozenset({"images"}))
    assert only_images.takes(images(0), 0) and not only_images.takes(table(0), 0)


def test_a_slow_contender_takes_images_with_the_first_seed_only_and_tables_with_all():
    slow = contender(first_seed_only=True)
    assert slow.takes(images(0), first_seed=0) and not slow.takes(images(1), first_seed=0)
    assert slow.takes(table(1), first_seed=0)


def test_a_word_asks_for_all_rows_of_a_contender_or_for_one():
    rows = [one.rows for one in among([contender(), contender("other")], ["net", "other+mse"])]
    assert rows == [("net+knn", "net+mse"), ("other+mse",)]


def test_without_a_row_among_the_words_all_take_part():
    assert len(among([contender(), contender("other")], ["galaxies"])) == 2


def test_an_unknown_word_is_refused_with_the_known_ones():
    with pytest.raises(SettingError, match=r"'nett'; rows are net, net\+knn, net\+mse; data are dev"):
        require_known(["net", "dev", "nett"], [contender()], ["dev"])


def test_a_single_contender_has_one_row_of_its_name():
    one = single("raw", lambda split, effort: np.arange(2.0))
    assert one.rows == ("raw",) and one.scores(table(0), None)["raw"].tolist() == [0, 1]
