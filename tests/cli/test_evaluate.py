import json

import numpy as np
import pytest

from poleward.data.rankings import read_ranking
from poleward.metrics.ranking import evaluate


def figures(poleward, *words):
    done = poleward("evaluate", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def as_json(evaluation):
    return json.loads(json.dumps(vars(evaluation), default=dict))


def test_figures_are_those_of_the_written_scores(poleward, sources, models, here):
    poleward("score", models / "table", sources / "table.csv", "--out", "s.csv")
    odd = np.arange(120) % 10 == 0
    assert figures(poleward, models / "table", sources / "table.csv") == as_json(
        evaluate(odd, read_ranking("s.csv").score)
    )


def test_truth_comes_from_a_table_of_its_own_matched_by_id(poleward, sources, models, here):
    lines = ["name,verdict", *(f"r{row},{'bad' if row % 10 == 0 else 'good'}" for row in reversed(range(120)))]
    (here / "truth.csv").write_text("\n".join(lines) + "\n")
    words = ["--truth", "truth.csv", "--normal", "good", "--id-column", "name"]
    one = figures(poleward, models / "table", sources / "table.csv", *words)
    assert one == figures(poleward, models / "table", sources / "table.csv")
    assert (one["n_normal"], one["n_anomalous"]) == (108, 12)


def test_truth_of_images_comes_from_their_catalogue(poleward, sources, models):
    own = figures(poleward, models / "images", sources / "images")
    named = figures(poleward, models / "images", sources / "images", "--truth", sources / "images" / "labels.csv")
    assert own == named
    assert (own["n_normal"], own["n_anomalous"]) == (36, 5)


def test_truth_of_arrays_lies_beside_them(poleward, sources, here):
    poleward("fit", sources / "arrays.npz", "--out", "m", "--epochs", 1, "--n-latent", 3)
    found = figures(poleward, "m", sources / "arrays.npz")
    assert (found["n_normal"], found["n_anomalous"]) == (24, 6)


def test_only_the_selected_samples_count(poleward, sources, models):
    found = figures(poleward, models / "images", sources / "images", "--where", "split=test")
    assert (found["n_normal"], found["n_anomalous"]) == (9, 2)


def test_a_sample_without_a_verdict_does_not_count(poleward, sources, models, here):
    (here / "truth.csv").write_text("id,odd\n00.png,0\n01.png,0\n38.png,1\n39.png,\n")
    found = figures(poleward, models / "images", sources / "images", "--truth", "truth.csv")
    assert (found["n_normal"], found["n_anomalous"]) == (2, 1)


def test_the_table_names_all_five_figures_and_the_column(poleward, sources, models):
    said = poleward("evaluate", models / "table", sources / "table.csv").out
    for name in ("AUROC", "average precision", "FPR95, normal positive", "FPR95, anomaly positive", "first 100"):
        assert name in said
    assert "12 anomalies among 120 samples (column odd)" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--truth", "nowhere.csv"], "nowhere.csv"),
        (["--truth-column", "verdict"], "verdict"),
        (["--truth-column", "colour"], "holds green, red"),
        (["--truth-column", "colour", "--normal", "blue"], "never holds 'blue'"),
        (["--truth-column", "odd", "--where", "odd=1"], "only anomalies among 12 samples"),
    ],
)
def test_truth_that_cannot_be_told_is_refused(refused, sources, models, words, said):
    assert said in refused("evaluate", models / "table", sources / "table.csv", *words)


def test_truth_of_other_samples_is_refused(refused, sources, models, here):
    (here / "truth.csv").write_text("id,odd\nx.png,0\ny.png,1\n")
    assert "fits none of the 41 ids" in refused(
        "evaluate", models / "images", sources / "images", "--truth", "truth.csv"
    )


def test_at_a_level_the_shares_of_what_is_flagged_are_said_too(poleward, sources, models, here):
    words = [models / "table", sources / "table.csv"]
    poleward("score", *words, "--out", "s.csv", "--alpha", 0.2)
    flagged, odd = read_ranking("s.csv").is_anomaly, np.arange(120) % 10 == 0
    for level in (["--alpha", 0.2], ["--alarms", "2/10"]):
        found = figures(poleward, *words, *level)
        assert found["anomalies_found"] == flagged[odd].mean()
        assert found["false_alarms"] == flagged[~odd].mean()
    assert "false alarms at level 0.2" in " ".join(poleward("evaluate", *words, "--alpha", 0.2).out.split())
