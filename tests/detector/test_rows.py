import numpy as np
import pyarrow as pa
import pytest

from poleward.detector.detector import Detector
from poleward.detector.rows import prepared_runs, require_content, runs, take
from poleward.errors import SourceError
from poleward.records import Features


@pytest.mark.parametrize("data", [pa.table({"a": [1, 2, 3]}), np.arange(3)[:, None, None, None]])
def test_rows_are_taken_in_the_order_asked_for(data):
    taken = take(data, np.array([2, 0]))
    assert (taken["a"].to_pylist() if isinstance(taken, pa.Table) else taken.ravel().tolist()) in ([3, 1], [2, 0])


def test_runs_cover_a_table_once():
    table = pa.table({"a": np.arange(40_000)})
    assert np.array_equal(np.concatenate([run["a"].to_numpy() for run in runs(table, "table")]), np.arange(40_000))


def test_a_sample_without_any_value_is_named_by_its_place():
    observed = np.array([[True, False], [False, False]])
    with pytest.raises(SourceError, match="sample 12 holds no value at all"):
        require_content(Features(np.zeros((2, 2)), observed), before=10)


@pytest.mark.parametrize("scorer", ["fused", "input-knn", "reconstruction"])
def test_an_empty_row_is_refused_in_training_and_in_scoring(scorer):
    X = np.random.default_rng(0).normal(size=(60, 3))
    detector = Detector(scorer=scorer, epochs=1, random_state=0).fit(X)
    X[7] = np.nan
    with pytest.raises(SourceError, match="sample 8 holds no value"):
        detector.score_samples(X)
    with pytest.raises(SourceError, match="sample 8 holds no value"):
        Detector(scorer=scorer, epochs=1, random_state=0).fit(X)


def test_prepared_runs_count_samples_over_runs():
    table = pa.table({"a": [0.0, 1.0] * 10_000, "b": [1.0] * 20_000})
    prepared = Detector(epochs=1, scorer="reconstruction", random_state=0).fit(table.slice(0, 50)).model_.preparation
    gap = pa.concat_tables([table, pa.table({"a": pa.nulls(1, pa.float64()), "b": pa.nulls(1, pa.float64())})])
    with pytest.raises(SourceError, match="sample 20001 "):
        list(prepared_runs(prepared, gap))
