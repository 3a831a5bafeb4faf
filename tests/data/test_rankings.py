import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.data.rankings import RankingWriter, read_ranking
from poleward.errors import OutputError, SettingError, SourceError
from poleward.records import Ranking

ENDINGS = pytest.mark.parametrize("ending", ["csv", "parquet"])


def ranking(*scores, first=0):
    n = len(scores)
    ids = [f"{row}.png" for row in range(first, first + n)]
    odd = np.arange(n) % 2 == 1
    return Ranking(ids, np.array(scores, float), np.linspace(0.1, 1, n), odd, ~odd)


def same(one, other):
    return list(one.id) == list(other.id) and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("score", "p_value", "is_anomaly", "in_training")
    )


@ENDINGS
def test_what_was_written_reads_back_the_same(tmp_path, ending):
    with RankingWriter(tmp_path / f"r.{ending}") as writer:
        writer.write(ranking(0.1, 1 / 3, -1e-300))
    assert same(read_ranking(tmp_path / f"r.{ending}"), ranking(0.1, 1 / 3, -1e-300))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_score_in_a_csv_keeps_all_its_digits(tmp_path_factory, score):
    path = tmp_path_factory.mktemp("ranking") / "r.csv"
    with RankingWriter(path) as writer:
        writer.write(ranking(score))
    assert read_ranking(path).score[0] == score


@ENDINGS
def test_pieces_are_appended(tmp_path, ending):
    with RankingWriter(tmp_path / f"r.{ending}") as writer:
        writer.write(ranking(1, 2))
        writer.write(ranking(3, first=2))
    whole = read_ranking(tmp_path / f"r.{ending}")
    assert whole.score.tolist() == [1, 2, 3]
    assert whole.id == ["0.png", "1.png", "2.png"]


def test_a_csv_is_plain_text(tmp_path):
    with RankingWriter(tmp_path / "r.csv") as writer:
        writer.write(Ranking(["a,b"], np.array([0.5]), np.array([0.25]), np.array([True]), np.array([False])))
    assert (tmp_path / "r.csv").read_text() == 'id,score,p_value,is_anomaly,in_training\n"a,b",0.5,0.25,true,false\n'


@ENDINGS
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, ending):
    path = tmp_path / f"r.{ending}"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), RankingWriter(path) as writer:
        writer.write(ranking(1))
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@ENDINGS
def test_the_target_appears_only_when_complete(tmp_path, ending):
    path = tmp_path / f"r.{ending}"
    with RankingWriter(path) as writer:
        writer.write(ranking(1))
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]


@ENDINGS
def test_a_place_that_cannot_be_written_is_named(tmp_path, ending):
    (tmp_path / "file").write_text("")
    (tmp_path / f"folder.{ending}").mkdir()
    for path in (tmp_path / "file" / f"r.{ending}", tmp_path / f"folder.{ending}"):
        with pytest.raises(OutputError, match="cannot be written"), RankingWriter(path):
            pass


@ENDINGS
def test_a_full_disc_is_an_output_error(tmp_path, ending):
    resource = pytest.importorskip("resource")
    path = tmp_path / f"r.{ending}"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"), RankingWriter(path) as writer:
            writer.write(ranking(*np.random.default_rng(0).normal(size=20_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"ends in \.csv or \.parquet"):
        RankingWriter(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,score\n1,2\n", "lacks the columns p_value, is_anomaly, in_training"),
        ("id,score,p_value,is_anomaly,in_training\n1,high,1,true,true\n", "is no ranking"),
        ("id,score,p_value,is_anomaly,in_training\n1,,1,true,true\n", "column 'score' has 1"),
    ],
)
def test_a_file_that_is_no_ranking_is_refused(tmp_path, text, message):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(SourceError, match=message):
        read_ranking(tmp_path / "r.csv")
