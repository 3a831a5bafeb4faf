"""The way that the README shows, on real files: images with a catalogue, a mixed table, an array file."""

import json

import numpy as np
import pytest

from poleward.data.rankings import read_ranking
from poleward.detector.detector import Detector
from poleward.metrics.ranking import evaluate

QUICK = ("--epochs", 1)


def figures(poleward, *words):
    done = poleward("evaluate", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_galaxies_are_ranked_shown_and_judged_by_their_catalogue(poleward, shared, here):
    folder = shared("data/galaxy_zoo")
    images, labels = folder / "images", folder / "labels.csv"
    few = ("--limit", 200)
    assert poleward("fit", images, "--out", "m", "--where", "split=train", *few, *QUICK).code == 0
    test = (images, "--where", "split=test", *few)
    assert poleward("score", "m", *test, "--out", "s.csv").code == 0
    assert poleward("report", "m", *test, "--out", "r.html", "--truth", labels).code == 0
    found = figures(poleward, "m", *test, "--truth", labels)
    ranking = read_ranking("s.csv")
    assert len(ranking.id) == found["n_normal"] + found["n_anomalous"] == 200
    assert not ranking.in_training.any()
    odd = {}
    for line in labels.read_text().splitlines()[1:]:
        name, label, _ = line.split(",")
        odd[name] = label == "1"
    known = np.array([odd[name] for name in ranking.id])
    assert found["auroc"] == evaluate(known, ranking.score).auroc
    assert "AUROC" in (here / "r.html").read_text()


def test_connections_are_ranked_by_a_model_of_normal_ones(poleward, shared, here):
    folder = shared("data/nsl_kdd")
    words = ["--where", "label=normal", "--exclude", "label,difficulty", "--limit", 1000]
    assert poleward("fit", folder / "train.csv.gz", "--out", "m", *words, "--epochs", 3).code == 0
    assert "Categorical: protocol_type, service, flag" in poleward("info", "m").out
    test = (folder / "test.csv.gz", "--limit", 1000)
    found = figures(poleward, "m", *test, "--truth-column", "label", "--normal", "normal")
    assert found["auroc"] > 0.8
    assert poleward("score", "m", *test, "--out", "s.parquet").code == 0
    assert poleward("report", "m", *test, "--out", "r.html").code == 0
    assert poleward("sample", "m", "-n", 3, "--out", "new.csv").code == 0
    assert poleward("score", "m", "new.csv", "--out", "new_scores.csv").code == 0


@pytest.mark.parametrize("name", ["18_Ionosphere", "42_WBC"])
def test_an_array_file_holds_its_own_truth(poleward, shared, here, name):
    path = shared(f"data/adbench/Classical/{name}.npz")
    assert poleward("fit", path, "--out", "m", "--where", "y=0", "--scorer", "input-knn", *QUICK).code == 0
    found = figures(poleward, "m", path)
    with np.load(path) as held:
        X, y = held["X"], held["y"]
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        scores = -Detector.load("m").score_samples(X)
    assert found["auroc"] == evaluate(y == 1, scores).auroc
    assert found["auroc"] > 0.8
