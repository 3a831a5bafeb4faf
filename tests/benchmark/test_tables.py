import numpy as np
import pytest

from poleward.benchmark.splits import chosen
from poleward.benchmark.tables import data_sets, made_data_sets, under
from poleward.errors import SourceError


def numbered(n=20, n_odd=6):
    return np.arange(n, dtype=float)[:, None], np.arange(n) < n_odd


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "adbench" / "made"
    place.mkdir(parents=True)
    X, is_anomaly = numbered()
    for name in ("1_blob", "2_other"):
        np.savez(place / f"{name}.npz", X=X, y=is_anomaly.astype(int))
    (tmp_path / "adbench" / "INDEX.csv").write_text("group,file,role\nmade,1_blob.npz,dev\nmade,2_other.npz,confirm\n")
    return tmp_path


def test_normal_only_trains_on_half_of_the_normal_rows_and_ranks_everything_else():
    split = under("normal-only", "dev", "t", numbered).split(0)
    assert len(split.train) == 7 and split.train.min() >= 6
    assert sorted([*split.train[:, 0], *split.test[:, 0]]) == list(range(20))
    assert np.array_equal(split.is_anomaly, split.test[:, 0] < 6)


def test_contaminated_trains_on_half_of_all_rows_anomalies_included():
    splits = [under("contaminated", "dev", "t", numbered).split(seed) for seed in range(5)]
    assert all(len(split.train) == len(split.test) == 10 for split in splits)
    assert any((split.train < 6).any() for split in splits)


def test_a_seed_names_one_split_and_another_seed_another_one():
    source = under("normal-only", "dev", "t", numbered)
    assert source.split(0).hash == source.split(0).hash != source.split(1).hash


def test_large_tables_are_cut_by_a_seeded_draw(monkeypatch):
    monkeypatch.setattr("poleward.benchmark.tables.MOST_ROWS", 10)
    split = under("contaminated", "dev", "t", numbered).split(0)
    assert len(split.train) + len(split.test) == 10


def test_tables_to_report_on_are_usual_and_those_to_choose_on_have_to_be_asked_for(folder):
    assert [one.data for one in chosen(data_sets(folder), [])] == ["2_other", "2_other"]
    assert [(one.data, one.group) for one in chosen(data_sets(folder), ["dev", "normal-only"])] == [
        ("1_blob", "dev, normal-only")
    ]


def test_a_table_is_read_from_its_file(folder):
    (one,) = chosen(data_sets(folder), ["2_other", "normal-only"])
    assert one.split(0).test.shape == (13, 1)


def test_a_folder_without_an_index_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"INDEX\.csv: there is no such file"):
        data_sets(tmp_path)


def test_made_tables_hold_both_kinds_under_both_protocols():
    splits = [one.split(0) for one in made_data_sets()]
    assert len(splits) == 4 and all(0 < split.is_anomaly.mean() < 0.5 for split in splits)
