import numpy as np
import pyarrow as pa
import pytest

from poleward.benchmark.audit import compared, figures, made_wrong
from poleward.classifier.classifier import OpenSetClassifier


def blobs(seed=0, n=300):
    labels = np.arange(n) % 3
    rows = np.random.default_rng(seed).normal(size=(n, 4)) + 8 * np.eye(4)[labels]
    return pa.table(dict(zip("abcd", rows.T, strict=True))), labels


def test_a_wrong_label_is_any_other_class():
    labels = np.array(["a", "b", "c"])[np.arange(3000) % 3]
    wrong = made_wrong(labels, 0.5, seed=1)
    changed = wrong != labels
    assert changed.sum() == 1500
    assert {(a, b) for a, b in zip(labels[changed], wrong[changed], strict=True)} == {
        (a, b) for a in "abc" for b in "abc" if a != b
    }


def test_both_ways_find_wrong_labels_among_classes_that_lie_apart():
    rows, labels = blobs()
    given = made_wrong(labels, 0.05, seed=0)
    fitted = OpenSetClassifier(epochs=20, width=16, random_state=0).fit(rows, given)
    found, precision, average = compared(fitted, rows, given, given != labels)
    assert (found.precision, precision, average) == (1, 1, 1)
    assert found.average_precision > 0.9 and found.likely == 1 and 0.5 < found.believed <= 1


def test_figures_are_means_over_the_seeds_beside_what_neighbours_reach():
    said = []
    found = list(figures("blobs", blobs, [0, 1], {"epochs": 5, "width": 8}, said.append))
    assert len(said) == 2 and len(found) == 4
    assert found[0].goal.startswith("above neighbours") and found[0].met in (True, False)
    assert all(0 <= figure.value.typical <= 1 for figure in found[:2])


@pytest.mark.parametrize("seed", [0, 1])
def test_another_seed_makes_other_labels_wrong(seed):
    labels = np.arange(100) % 4
    assert np.array_equal(made_wrong(labels, 0.1, seed), made_wrong(labels, 0.1, seed))
    assert not np.array_equal(made_wrong(labels, 0.1, seed), made_wrong(labels, 0.1, seed + 1))
