"""Likely wrong labels and near copies, on memories made by hand."""

import numpy as np
import pytest

from poleward.classifier.audit import Auditor
from poleward.classifier.memory import Memory


def memory(n=400, share=0.05, seed=0):
    """Two directions of features, and labels of which a share is wrong."""
    rng = np.random.default_rng(seed)
    true = np.arange(n) % 2
    features = (np.eye(2)[true] + 0.1 * rng.normal(size=(n, 2))).astype(np.float32)
    wrong = rng.random(n) < share
    prints = np.arange(n, dtype=np.uint64)
    kept = Memory(
        tuple(f"s{i}" for i in range(n)),
        prints,
        np.where(wrong, 1 - true, true),
        np.ones(n, bool),
        features,
        features,
        features,
    )
    return kept, wrong


def probabilities(kept):
    auditor, rows = Auditor(kept, ["a", "b"]), np.arange(len(kept.labels))
    expected = np.where(
        kept.features > kept.features.mean(axis=1, keepdims=True), 0.99, 0.01
    )  # a network that is right
    return auditor.probability_of_error(auditor.foretold(rows, kept.features, expected), kept.labels)


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_wrong_labels_are_told_from_right_ones_and_their_share_is_read(share):
    kept, wrong = memory(3000, share)
    said = probabilities(kept)
    assert said[wrong].mean() > 0.75
    assert said[~wrong].mean() < 0.05
    assert Auditor(kept, ["a", "b"]).choice[1] == pytest.approx(wrong.mean(), abs=0.04)


def test_the_probability_is_that_of_bayes():
    kept, _ = memory()
    auditor = Auditor(kept, ["a", "b"])
    e = auditor.choice[1]
    p = np.array([0.0, 0.3, 1.0])
    q = (1 - e) * p + e * (1 - p)
    said = auditor.probability_of_error(np.stack([q, 1 - q], axis=1), np.zeros(3, np.int64))
    assert said == pytest.approx(e * (1 - p) / ((1 - e) * p + e * (1 - p)))


def test_a_sample_does_not_vote_for_itself():
    kept, wrong = memory()
    row = int(np.flatnonzero(wrong)[0])
    flat = np.full((1, 2), 0.5)
    auditor = Auditor(kept, ["a", "b"])
    itself, stranger = (auditor.foretold(np.array([at]), kept.features[[row]], flat)[0] for at in (row, -1))
    assert itself[kept.labels[row]] < stranger[kept.labels[row]]


def test_a_label_that_is_not_known_is_not_doubted():
    kept, _ = memory()
    rows = np.array([-1, -1])
    doubts = Auditor(kept, ["a", "b"]).doubts(
        ["x", "y"], rows, kept.features[[0, 0]], np.array([[0.9, 0.1]] * 2), np.array([-1, 1])
    )
    assert [(doubt.id, doubt.label, doubt.suggested) for doubt in doubts] == [("y", "b", "a")]


def copies_of(kept, ids, rows, prints, sketches):
    found = Auditor(kept, ["a", "b"]).copies(ids, np.array(rows), np.array(prints, np.uint64), sketches)
    return [(pair.id, pair.copy_of, pair.exact) for pair in found]


def test_a_copy_of_a_training_sample_is_found_by_content_and_a_near_one_by_distance():
    kept, _ = memory()
    near = kept.sketches[[5]] + np.float32(1e-6)
    assert copies_of(kept, ["x"], [-1], [7], kept.sketches[[7]]) == [("x", "s7", True)]
    assert copies_of(kept, ["y"], [-1], [10**9], near) == [("y", "s5", False)]
    assert copies_of(kept, ["z"], [-1], [10**9], np.array([[9, 9]], np.float32)) == []


def test_a_training_sample_is_no_copy_of_itself_and_each_pair_stands_once():
    kept, _ = memory()
    prints, sketches = kept.prints.copy(), kept.sketches.copy()
    prints[3], sketches[3] = prints[1], sketches[1]
    sketches[8] = sketches[2] + np.float32(1e-6)
    twins = Memory(kept.ids, prints, kept.labels, kept.trained, kept.features, kept.earlier, sketches)
    rows = twins.rows_of(twins.ids, prints)
    assert rows.tolist() == list(range(400))
    found = copies_of(twins, twins.ids, rows, prints, sketches)
    assert ("s3", "s1", True) in found
    assert ("s8", "s2", False) in found
    assert not any(pair[:2] in (("s1", "s3"), ("s2", "s8"), ("s1", "s1")) for pair in found)
