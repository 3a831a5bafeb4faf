import pickle
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from poleward.data.rankings import ranking_table
from poleward.data.source import open_source, read_whole
from poleward.detector.detector import Detector
from poleward.distributed.batch import BatchScorer
from poleward.errors import SchemaError, SourceError


@pytest.fixture
def table(rows):
    return pa.parquet.read_table(rows)


@pytest.fixture
def scorer(table_model):
    return BatchScorer(str(table_model), "name")


@pytest.fixture
def expected(table_model, table):
    """What a single process says of the rows."""
    ids = table["name"].to_pylist()
    return ranking_table(Detector.load(table_model).rank(table.drop_columns(["name"]), ids))


def test_a_batch_comes_back_ranked_in_its_own_form(scorer, table, expected):
    assert scorer(table).equals(expected)
    pd.testing.assert_frame_equal(scorer(table.to_pandas()), expected.to_pandas())
    batch = scorer(table.combine_chunks().to_batches()[0])
    assert isinstance(batch, pa.RecordBatch)
    assert pa.table(batch).equals(expected)


def test_however_an_engine_cuts_the_rows_they_have_the_same_scores(scorer, table, expected):
    pieces = [scorer(table.slice(start, 7)) for start in range(0, len(table), 7)]
    assert pa.concat_tables(pieces).equals(expected)


def test_an_empty_batch_has_an_empty_ranking(scorer, table, expected):
    assert scorer(table.slice(0, 0)).equals(expected.slice(0, 0))


def test_dask_maps_it_over_partitions(scorer, table, expected):
    dataframe = pytest.importorskip("dask.dataframe")
    frame = dataframe.from_pandas(table.to_pandas(), npartitions=3)
    ranked = frame.map_partitions(scorer, meta=expected.slice(0, 0).to_pandas())
    found = ranked.compute(scheduler="threads").reset_index(drop=True)
    assert np.array_equal(found["score"], expected["score"].to_numpy())
    assert found["id"].tolist() == expected["id"].to_pylist()


def test_spark_takes_it_as_a_function_of_an_iterator(scorer, table, expected):
    frames = (table.slice(start, 100).to_pandas() for start in range(0, 300, 100))  # mapInPandas
    in_pandas = pd.concat(scorer.each(frames), ignore_index=True)
    pd.testing.assert_frame_equal(in_pandas, expected.to_pandas())
    batches = iter(table.to_batches(max_chunksize=100))  # mapInArrow
    in_arrow = list(scorer.each(batches))
    assert all(isinstance(batch, pa.RecordBatch) for batch in in_arrow)
    assert pa.Table.from_batches(in_arrow).equals(expected)


def test_encoded_images_are_ranked_as_the_decoded_ones(image_model, pictures):
    names = sorted(path.name for path in pictures.iterdir())
    files = pa.table({"path": names, "content": [(pictures / name).read_bytes() for name in names]})
    found = BatchScorer(str(image_model), "path", "content")(files)
    detector = Detector.load(image_model)
    assert np.array_equal(found["score"].to_numpy(), -detector.score_samples(read_whole(open_source(pictures)).data))


def test_it_travels_as_a_path_and_nothing_more(scorer, table, expected):
    travelled = pickle.dumps(scorer)
    assert len(travelled) < 1000
    assert pickle.loads(travelled)(table).equals(expected)  # noqa: S301 - engines send functions so


def test_a_model_that_was_replaced_is_read_anew(table_model, table, tmp_path):
    place = tmp_path / "model"
    shutil.copytree(table_model, place)
    scorer = BatchScorer(str(place), "name")
    before = scorer(table)
    Detector(epochs=2, n_latent=4, random_state=1).fit(table.drop_columns(["name"])).save(place)
    assert not scorer(table).equals(before)


def test_the_level_can_be_said(table_model, table):
    ranked = BatchScorer(str(table_model), "name", alpha=0.5)(table)
    assert np.array_equal(ranked["is_anomaly"].to_numpy(), ranked["p_value"].to_numpy() <= 0.5)


def test_a_batch_without_names_is_refused_with_what_it_has(table_model, table):
    with pytest.raises(SchemaError, match="no column 'key'; its columns are name, a, colour"):
        BatchScorer(str(table_model), "key")(table)


def test_a_damaged_image_is_named(image_model):
    files = pa.table({"path": ["m31.png"], "content": [b"no image"]})
    with pytest.raises(SourceError, match=r"m31\.png"):
        BatchScorer(str(image_model), "path", "content")(files)
