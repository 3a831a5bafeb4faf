import csv

import numpy as np
import pyarrow.parquet
import pytest

from poleward.cli import score
from poleward.data import rankings
from poleward.data.rankings import read_ranking
from poleward.detector.detector import Detector


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_ranking_has_one_line_per_sample_in_the_order_of_the_source(poleward, sources, models, here, ending):
    done = poleward("score", models / "images", sources / "images", "--out", f"s.{ending}")
    assert done.code == 0
    ranking = read_ranking(f"s.{ending}")
    assert list(ranking.id) == [*(f"{i:02d}.png" for i in range(40)), "<img src=x onerror=alert(1)>.png"]
    flagged = int(ranking.is_anomaly.sum())
    assert done.out == f"41 samples ranked, {flagged} called anomalies; the ranking lies in s.{ending}\n"
    assert here() == [f"s.{ending}"]


def test_both_forms_hold_the_same(poleward, sources, models, here):
    for ending in ("csv", "parquet"):
        poleward("score", models / "table", sources / "table.csv", "--out", f"s.{ending}", "--id-column", "name")
    one, other = read_ranking("s.csv"), read_ranking("s.parquet")
    assert all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def test_the_columns_are_the_promised_ones(poleward, sources, models, here):
    promised = ["id", "score", "p_value", "is_anomaly", "in_training"]
    poleward("score", models / "table", sources / "table.csv", "--out", "s.csv")
    poleward("score", models / "table", sources / "table.csv", "--out", "s.parquet")
    with (here / "s.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == promised
    assert {line["is_anomaly"] for line in lines} | {line["in_training"] for line in lines} == {"true", "false"}
    types = [str(kind) for kind in pyarrow.parquet.read_schema("s.parquet").types]
    assert pyarrow.parquet.read_schema("s.parquet").names == promised
    assert types == ["string", "double", "double", "bool", "bool"]


def test_scores_are_those_of_the_detector(poleward, sources, models, here):
    poleward("score", models / "table", sources / "table.csv", "--out", "s.csv")
    detector = Detector.load(models / "table")
    import pandas as pd

    frame = pd.read_csv(sources / "table.csv", dtype=str, keep_default_na=False).drop(columns=["name", "odd"])
    assert np.array_equal(read_ranking("s.csv").score, -detector.score_samples(frame))


def test_rows_that_were_trained_on_are_flagged_and_odd_ones_stand_out(poleward, sources, models, here):
    poleward("score", models / "table", sources / "table.csv", "--out", "s.csv", "--id-column", "name")
    ranking = read_ranking("s.csv")
    odd = np.arange(120) % 10 == 0
    assert np.array_equal(ranking.in_training, ~odd)
    assert ranking.is_anomaly[odd].all()
    assert ranking.score[odd].min() > np.median(ranking.score[~odd])
    assert (ranking.score > 0).all()  # no row is its own neighbour


def test_a_score_does_not_depend_on_what_else_is_scored(poleward, sources, models, here):
    poleward("score", models / "images", sources / "images", "--out", "all.csv")
    poleward("score", models / "images", sources / "images", "--out", "one.csv", "--where", "id=07.png")
    assert read_ranking("one.csv").score[0] == read_ranking("all.csv").score[7]


@pytest.mark.parametrize("source", ["images", "table.csv"])
def test_in_how_many_pieces_a_source_is_read_does_not_matter(poleward, sources, models, here, monkeypatch, source):
    model = models / source.removesuffix(".csv")
    poleward("score", model, sources / source, "--out", "whole.csv")
    monkeypatch.setattr(score, "ROWS_AT_A_TIME", {"images": 7, "table": 7})
    poleward("score", model, sources / source, "--out", "pieces.csv")
    assert (here / "whole.csv").read_bytes() == (here / "pieces.csv").read_bytes()


def test_alpha_is_the_level_of_the_decision(poleward, sources, models, here):
    for alpha in (0.2, 0.5):
        poleward("score", models / "table", sources / "table.csv", "--out", "s.csv", "--alpha", alpha)
        ranking = read_ranking("s.csv")
        assert np.array_equal(ranking.is_anomaly, ranking.p_value <= alpha)


def test_a_ranking_that_was_there_is_replaced_whole(poleward, sources, models, here):
    (here / "s.csv").write_text("old")
    assert poleward("score", models / "images", sources / "images", "--out", "s.csv", "--limit", 2).code == 0
    assert len(read_ranking("s.csv").id) == 2


def test_new_tables_may_have_their_columns_in_another_order(poleward, sources, models, here):
    import pandas as pd

    frame = pd.read_csv(sources / "table.csv", dtype=str, keep_default_na=False)
    frame[frame.columns[::-1]].assign(note="x").to_csv("turned.csv", index=False)
    poleward("score", models / "table", sources / "table.csv", "--out", "a.csv")
    poleward("score", models / "table", "turned.csv", "--out", "b.csv")
    assert np.array_equal(read_ranking("a.csv").score, read_ranking("b.csv").score)


def test_false_alarms_in_rows_are_a_level(poleward, sources, models, here):
    for out, words in (("a.csv", ["--alpha", 0.2]), ("b.csv", ["--alarms", "200/1000"])):
        assert poleward("score", models / "table", sources / "table.csv", "--out", out, *words).code == 0
    assert (here / "a.csv").read_bytes() == (here / "b.csv").read_bytes()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("pieces", [7, 4096])
def test_discoveries_are_decided_over_the_whole_source(poleward, sources, models, here, monkeypatch, ending, pieces):
    monkeypatch.setattr(score, "ROWS_AT_A_TIME", {"images": pieces, "table": pieces})
    monkeypatch.setattr(rankings.ranking_pieces, "__defaults__", (11,))
    done = poleward("score", models / "table", sources / "table.csv", "--out", f"s.{ending}", "--fdr", 0.7)
    ranking = read_ranking(f"s.{ending}")
    ordered = np.sort(ranking.p_value)
    kept = ordered[ordered <= 0.7 * np.arange(1, 121) / 120]
    assert np.array_equal(ranking.is_anomaly, ranking.p_value <= kept.max())
    assert 12 <= ranking.is_anomaly.sum() < 120
    assert done.out.startswith(f"120 samples ranked, {int(ranking.is_anomaly.sum())} called anomalies")
    assert here() == [f"s.{ending}"]


def test_all_but_the_decisions_is_the_same_at_a_false_discovery_rate(poleward, sources, models, here):
    for out, words in (("a.csv", []), ("b.csv", ["--fdr", 0.7])):
        poleward("score", models / "images", sources / "images", "--out", out, *words)
    one, other = read_ranking("a.csv"), read_ranking("b.csv")
    assert list(one.id) == list(other.id)
    for name in ("score", "p_value", "in_training"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_too_few_calibration_samples_for_a_discovery_are_said(poleward, sources, models, here):
    done = poleward("score", models / "images", sources / "images", "--out", "s.csv", "--fdr", 0.01)
    assert done.code == 0
    assert "6 calibration samples are few for a false discovery rate of 0.01 among 41" in done.err


@pytest.mark.parametrize("words", [["--fdr", 0], ["--fdr", 1.5], ["--fdr", 0.1, "--alpha", 0.1]])
def test_a_false_discovery_rate_that_cannot_be_followed_leaves_nothing_behind(refused, sources, models, here, words):
    refused("score", models / "table", sources / "table.csv", "--out", "s.csv", *words)
    assert here() == []


def test_a_fault_on_the_way_to_discoveries_leaves_nothing_behind(refused, models, here):
    rows = "".join(f"{i},{i},red,2024-01-01,true\n" for i in range(30))
    (here / "t.csv").write_text("a,b,colour,day,flag\n" + rows + ",,,,\n")
    assert "holds no value at all" in refused("score", models / "table", "t.csv", "--out", "s.csv", "--fdr", 0.5)
    assert here() == ["t.csv"]


def test_the_exit_code_says_that_there_are_anomalies_when_asked_to(poleward, sources, models, here):
    words = ["score", models / "table", sources / "table.csv", "--out", "s.csv"]
    assert poleward(*words).code == 0
    done = poleward(*words, "--fail-on-anomaly")
    assert (done.code, done.err) == (1, "")
    assert read_ranking("s.csv").is_anomaly.any()
    assert poleward(*words, "--fail-on-anomaly", "--where", "odd=0", "--alpha", 1e-9).code == 0


def test_an_engine_that_is_not_known_and_an_address_without_one_are_refused(refused, sources, models, here):
    words = ("score", models / "table", sources / "table.csv", "--out", "s.csv")
    assert "--engine is 'spark'; choose local or ray" in refused(*words, "--engine", "spark")
    assert "say also --engine ray" in refused(*words, "--address", "10.0.0.1:6379")
    assert "--resume goes with --engine local" in refused(*words, "--resume", "--engine", "ray")
    assert here() == []
