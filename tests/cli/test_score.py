import csv

import numpy as np
import pyarrow.parquet
import pytest

from poleward.cli import score
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
