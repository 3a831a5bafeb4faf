import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from poleward.data.rankings import read_ranking


@pytest.fixture
def table_source(sources):
    return sources / "table.csv"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_line_of_a_row_has_its_contributions_by_column(poleward, models, table_source, here, ending):
    done = poleward("explain", models / "table", table_source, "--out", f"e.{ending}")
    assert (done.code, done.out) == (0, f"120 samples explained; the explanations lie in e.{ending}\n")
    read = pyarrow.csv.read_csv if ending == "csv" else pyarrow.parquet.read_table
    table = read(here / f"e.{ending}")
    parts = [name for name in table.column_names if name.startswith("contribution of ")]
    assert parts == [f"contribution of {name}" for name in ("a", "b", "colour", "day", "flag")]
    assert {"nearest_1", "distance_1", "angle_1", "cosine_1", "moved_2"} < set(table.column_names)
    poleward("score", models / "table", table_source, "--out", "s.csv")
    ranking = read_ranking(here / "s.csv")
    assert table["id"].to_pylist() == list(ranking.id)
    assert np.allclose(sum(table[name].to_numpy() for name in parts), ranking.score, rtol=1e-9)


def test_an_npz_has_every_pixel(poleward, sources, models, here):
    assert poleward("explain", models / "images", sources / "images", "--limit", 3, "--out", "e.npz").code == 0
    with np.load(here / "e.npz") as found:
        assert found["contributions"].shape == (3, 8, 6, 3)
        assert np.allclose(found["contributions"].sum(axis=(1, 2, 3)), found["score"], rtol=1e-9)
        assert found["nearest"].shape == (3, 3) and found["id"].shape == (3,)


def test_a_line_of_an_image_has_its_bands(poleward, sources, models, here):
    poleward("explain", models / "images", sources / "images", "--limit", 3, "--out", "e.csv")
    table = pyarrow.csv.read_csv(here / "e.csv")
    bands = sum(table[f"contribution of band {band}"].to_numpy() for band in (1, 2, 3))
    assert np.allclose(bands, table["score"].to_numpy(), rtol=1e-9)


def test_without_a_file_the_most_anomalous_are_told(poleward, models, table_source):
    done = poleward("explain", models / "table", table_source)
    assert done.code == 0
    assert "The 5 most anomalous of 120 samples" in done.out
    for words in ("score", "nearest in training", "angle", "colour"):
        assert words in done.out


def test_only_the_ids_asked_for_are_told(poleward, models, table_source, here):
    (here / "ids.txt").write_text("r3\nr7\n")
    said = poleward("explain", models / "table", table_source, "--ids", "ids.txt").out
    assert "r3 " in said and "r7 " in said and "r10 " not in said


@pytest.mark.parametrize("out", ["e.html", "e"])
def test_another_ending_is_refused(refused, models, table_source, here, out):
    assert "explanations are written to .csv, .parquet, .npz" in refused(
        "explain", models / "table", table_source, "--out", out
    )
    assert here() == []


def test_the_source_is_not_written_over(refused, models, table_source):
    before = table_source.read_bytes()
    assert "is the source itself" in refused("explain", models / "table", table_source, "--out", table_source)
    assert table_source.read_bytes() == before
