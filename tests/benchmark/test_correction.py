import numpy as np
import pytest

from poleward.benchmark.correction import OURS, figures, judged, ranking, table_figures
from poleward.benchmark.corruption import Pair, with_random_errors, with_systematic_errors
from poleward.benchmark.rivals import RIVALS, rarity
from poleward.errors import SourceError


@pytest.fixture
def clean():
    rng = np.random.default_rng(0)
    at = rng.integers(3, size=200)
    columns = [np.array(["red", "green", "blue"])[at], np.array(["stop", "go", "wait"])[at]]
    columns += [(10 * at + rng.integers(10, size=200)).astype(str), rng.integers(1000, size=200).astype(str)]
    texts = np.array(columns, object).T
    return Pair("lights", ("colour", "word", "number", "other"), texts.copy(), texts)


def test_errors_of_format_are_told_from_errors_of_value():
    dirty, clean = np.array([["12 oz", "N/A", "9x"]], object), np.array([["12", "", "95"]], object)
    assert Pair("", ("a", "b", "c"), dirty, clean).formats.tolist() == [[True, True, False]]


@pytest.mark.parametrize("make", [with_random_errors, with_systematic_errors])
def test_errors_are_put_into_few_cells_and_the_same_ones_for_a_seed(clean, make):
    one, other = make(clean, 1), make(clean, 1)
    assert (one.dirty == other.dirty).all() and 0 < one.errors.mean() < 0.1
    assert (one.clean == clean.clean).all()


def test_a_perfect_repair_and_none_are_told_apart(clean):
    pair = with_random_errors(clean, 0)
    perfect = judged(pair, pair.errors, pair.clean)
    nothing = judged(pair, np.zeros(pair.errors.shape, bool), pair.dirty)
    assert (perfect.precision, perfect.recall, perfect.damage, perfect.error) == (1, 1, 0, 0)
    assert (nothing.recall, nothing.damage, nothing.error) == (0, 0, 1)


def test_the_truth_ranks_perfectly(clean):
    pair = with_random_errors(clean, 0)
    assert ranking(pair, pair.errors.astype(float)) == (1, 1)


def test_the_rarest_value_is_the_rarest(clean):
    pair = Pair("", ("a",), np.array([["x"]] * 9 + [["y"]], object), np.array([["x"]] * 10, object))
    assert rarity(pair.table, 0).argmax() == 9


def test_every_contender_is_measured_on_the_same_errors(clean):
    names = [figure.name for figure in table_figures([with_random_errors(clean, 0)], [0], lambda line: None)]
    assert all(f"AUROC of finding wrong cells, {who}" in " ".join(names) for who in (OURS, *RIVALS))


def test_a_folder_without_pairs_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"dirty\.csv"):
        list(figures(tmp_path, [0], print))
