import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from poleward.data.parts import parts
from poleward.data.selection import Selection
from poleward.data.source import open_source


@pytest.fixture
def places(tmp_path):
    """A folder of images with a catalogue, and files of rows and of images, by name."""
    rng = np.random.default_rng(0)
    (tmp_path / "folder").mkdir()
    for number in range(10):
        Image.fromarray(rng.integers(0, 255, (4, 4, 3), np.uint8)).save(tmp_path / "folder" / f"{number}.png")
    lines = [f"{number},{number % 2}\n" for number in range(10)]
    (tmp_path / "folder" / "labels.csv").write_text("id,odd\n" + "".join(lines))
    table = pa.table({"a": rng.normal(size=10), "b": np.arange(10) % 3})
    pa.parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=3)
    content = [(tmp_path / "folder" / f"{number}.png").read_bytes() for number in range(10)]
    pa.parquet.write_table(pa.table({"image": content}), tmp_path / "images.parquet", row_group_size=3)
    np.save(tmp_path / "rows.npy", rng.normal(size=(10, 2)))
    return tmp_path


def everything(sources):
    """Ids and samples of several sources one after the other."""
    batches = [batch for source in sources for batch in source.batches(2)]
    ids = [name for batch in batches for name in batch.ids]
    data = [
        row for batch in batches for row in (batch.data.to_pylist() if hasattr(batch.data, "schema") else batch.data)
    ]
    return ids, data


CASES = [
    ("folder", Selection(), 4),
    ("folder", Selection(where=(("odd", "1"),)), 4),
    ("folder", Selection(limit=3), 3),
    ("rows.parquet", Selection(), 4),
    ("images.parquet", Selection(), 4),
    ("rows.parquet", Selection(where=(("b", "1"),)), 1),
    ("rows.parquet", Selection(limit=5), 1),
    ("rows.npy", Selection(), 1),
]


@pytest.mark.parametrize(("name", "selection", "n_parts"), CASES)
def test_parts_give_the_samples_of_the_whole_under_the_same_ids(places, name, selection, n_parts):
    whole = open_source(places / name, selection=selection)
    found = parts(whole, 4)
    assert len(found) == n_parts
    (ids, data), (wanted, samples) = everything(found), everything([open_source(places / name, selection=selection)])
    assert ids == wanted
    assert all(np.array_equal(one, other) for one, other in zip(data, samples, strict=True))
    assert sum(part.count() or 0 for part in found) == (whole.count() or 0)


def test_there_are_no_more_parts_than_asked_for_or_than_samples(places):
    assert len(parts(open_source(places / "folder"), 2)) == 2
    assert len(parts(open_source(places / "folder"), 99)) == 10
    assert len(parts(open_source(places / "rows.parquet"), 2)) == 2
