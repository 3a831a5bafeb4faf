import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from poleward.data.source import Batch, open_source
from poleward.data.unfinished import digest, unfinished
from poleward.errors import OutputError
from poleward.records import Ranking

BATCH = Batch(["a", "b"], np.array([[1.0], [2.0]]))


def ranked(batch, label=None):
    n = len(batch.ids)
    flags = np.arange(n) % 2 == 0
    more = {} if label is None else {"label": [label] * n, "confidence": np.linspace(0.1, 0.3, n)}
    return Ranking(batch.ids, np.linspace(0.1, 0.7, n), np.linspace(0.3, 1, n), flags, ~flags, **more)


def never(batch):
    raise AssertionError("is not to be ranked again")


def stopped(path, batch=BATCH, ranked_by="model", label=None):
    with pytest.raises(RuntimeError), unfinished(path, ranked_by, resume=False) as before:
        before.ranking(batch, lambda batch: ranked(batch, label))
        raise RuntimeError


@pytest.mark.parametrize("label", [None, "cat"])
def test_a_ranking_comes_back_bit_by_bit(tmp_path, label):
    stopped(tmp_path / "r.csv", label=label)
    with unfinished(tmp_path / "r.csv", "model", resume=True) as before:
        found, made = before.ranking(BATCH, never), ranked(BATCH, label)
        for name, column in vars(made).items():
            assert np.array_equal(getattr(found, name), column), name
        assert (before.n_found, before.n_kept) == (2, 2)


@pytest.mark.parametrize(
    ("batch", "ranked_by"),
    [
        (BATCH, "another model"),
        (Batch(["a", "c"], BATCH.data), "model"),
        (Batch(["a", "b"], np.array([[1.0], [np.nextafter(2.0, 3)]])), "model"),
        (Batch(["a", "b"], BATCH.data.astype(np.float32)), "model"),
        (Batch(["a", "b"], np.array([[1.0, 2.0]]).reshape(2, 1, 1)), "model"),
    ],
)
def test_what_was_ranked_of_something_else_is_not_found(tmp_path, batch, ranked_by):
    stopped(tmp_path / "r.csv")
    with unfinished(tmp_path / "r.csv", ranked_by, resume=True) as before:
        before.ranking(batch, ranked)
        assert (before.n_found, before.n_kept) == (0, 2)


def test_a_part_that_is_damaged_is_ranked_again(tmp_path):
    stopped(tmp_path / "r.csv")
    (part,) = (tmp_path / ".r.csv.unfinished").iterdir()
    part.write_bytes(part.read_bytes()[:100])
    with unfinished(tmp_path / "r.csv", "model", resume=True) as before:
        before.ranking(BATCH, ranked)
        assert before.n_found == 0


def test_the_same_rows_have_the_same_digest_each_time_they_are_read(tmp_path):
    x = np.random.default_rng(0).normal(size=3000)
    x[::3] = np.nan
    table = pa.table(
        {"x": pa.array(x, from_pandas=True), "word": [f"w{i % 7}" if i % 5 else None for i in range(3000)]}
    )
    pa.parquet.write_table(table, tmp_path / "t.parquet", row_group_size=700)

    def digests():
        return [digest(batch) for batch in open_source(tmp_path / "t.parquet").batches(512)]

    assert digests() == digests()
    assert len(set(digests())) == 6


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"file/r\.csv: cannot be written"),
        unfinished(tmp_path / "file" / "r.csv", "", False),
    ):
        pass
