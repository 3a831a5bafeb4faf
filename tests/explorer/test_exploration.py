import numpy as np
import pytest

from poleward.errors import SettingError, SourceError
from poleward.explorer.exploration import Exploration
from poleward.explorer.labels import LabelLog, labels_csv
from poleward.explorer.listing import Condition, Query


def test_samples_come_by_score_and_labels_can_be_filtered_by(exploration):
    assert exploration.rows(Query()).tolist() == list(range(300))
    exploration.label([0, 5], "normal", "ada")
    query = Query(conditions=(Condition("label", "=", ""),))
    assert exploration.rows(query)[:5].tolist() == [1, 2, 3, 4, 6]
    exploration.undo("ada")
    assert exploration.rows(query)[:2].tolist() == [0, 1]
    assert exploration.counts() == {}


def test_columns_of_the_source_are_beside_those_of_the_ranking(made, log, changed):
    collection = changed(made(), columns={"score": np.zeros(300), "z": np.ones(300), "id": np.ones(300)})
    columns = Exploration(collection, log).columns()
    assert columns["score"][0] == 300
    assert columns["score (source)"][0] == 0
    assert columns["z"][0] == 1
    assert columns["id"][0] == "000000.png"
    assert columns["rank"][:2].tolist() == [1, 2]


def test_neighbours_are_the_nearest_codes_without_the_sample_itself(exploration):
    codes = exploration.collection.codes
    found = exploration.neighbours(7, 5)
    distances = np.linalg.norm(codes - codes[7], axis=1)
    assert [row for row, _ in found] == np.argsort(distances)[1:6].tolist()
    assert [distance for _, distance in found] == pytest.approx(np.sort(distances)[1:6])


def test_reranking_brings_what_looks_interesting_forward(exploration):
    rows = np.arange(40)
    exploration.label([row for row in rows.tolist() if row % 10 == 0], "merger", "ada")
    exploration.label([row for row in rows.tolist() if row % 10], "normal", "ada")
    before = np.mean([row % 10 == 0 for row in exploration.rows(Query())[40:80]])
    exploration.rerank()
    query = Query("relevance", True, (Condition("label", "=", ""),))
    after = np.mean([row % 10 == 0 for row in exploration.rows(query)[:40]])
    assert after > before
    assert exploration.state.reranked_at == 40


def test_reranking_without_a_label_is_refused(exploration):
    with pytest.raises(SettingError, match="label some samples first"):
        exploration.rerank()


def test_a_restart_knows_labels_relevance_and_catalogues(exploration, log):
    exploration.label([0], "interesting", "ada")
    exploration.label([1], "normal", "bob")
    exploration.import_csv(b"id,z\n000003.png,0.5\n", "ada")
    first = exploration.rerank().relevance
    log.close()
    opened = LabelLog(log.path)
    again = Exploration(exploration.collection, opened)
    assert again.counts() == {"interesting": 1, "normal": 1}
    np.testing.assert_array_equal(again.columns()["relevance"], first)
    assert again.columns()["z"][3] == 0.5
    opened.close()


def test_an_import_takes_labels_and_joins_columns(exploration):
    content = b"id,label,who,time,score,redshift\n000000.png,merger,eve,2020,1,0.5\n000001,,eve,2020,1,\n"
    assert exploration.import_csv(content, "bob") == (1, ["redshift"])
    assert exploration.counts() == {"merger": 1}
    assert exploration.log.entries()[0].who == "bob"
    np.testing.assert_array_equal(exploration.columns()["redshift"][:3], [0.5, np.nan, np.nan])
    assert exploration.columns()["score"][0] == 300


def test_exported_labels_come_back_without_new_columns(exploration, tmp_path, made):
    exploration.label([0, 2], "merger", "ada")
    text = labels_csv(exploration.log.standing(), exploration.scores())
    other = LabelLog(tmp_path / "other")
    again = Exploration(made(), other, "bob")
    assert again.import_csv(text.encode(), "bob") == (2, [])
    assert again.counts() == {"merger": 2}
    other.close()


def test_a_csv_that_fits_nothing_changes_nothing(exploration):
    before = exploration.state
    with pytest.raises(SourceError):
        exploration.import_csv(b"id,label\nelsewhere,normal\n", "ada")
    assert exploration.state == before


def test_a_table_of_one_row_can_be_explored(made, log):
    one = Exploration(made(1, kind="table"), log)
    assert one.neighbours(0, 8) == []
    one.label([0], "normal", "ada")
    assert np.isfinite(one.rerank().relevance).all()
