import io
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from poleward.data.reading import Reading
from poleward.data.selection import Selection
from poleward.data.source import Source, open_source, read_whole
from poleward.errors import SettingError, SourceError


def png(value, size=(4, 4), mode="L"):
    buffer = io.BytesIO()
    Image.new(mode, size, value).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    for value in range(5):
        (tmp_path / f"{value}.png").write_bytes(png(value))
    return tmp_path


@pytest.fixture
def table(tmp_path):
    (tmp_path / "t.csv").write_text("name,a,b\nx,1,2\ny,3,4\nz,5,6\n")
    return tmp_path / "t.csv"


def test_both_kinds_are_sources(folder, table):
    assert isinstance(open_source(folder), Source)
    assert isinstance(open_source(table), Source)
    assert (open_source(folder).kind, open_source(table).kind) == ("images", "table")


@given(size=st.integers(1, 7))
def test_batches_are_full_but_for_the_last(tmp_path_factory, size):
    path = tmp_path_factory.mktemp("rows") / "t.csv"
    path.write_text("a\n" + "".join(f"{row}\n" for row in range(10)))
    batches = list(open_source(path).batches(size))
    assert {len(batch.ids) for batch in batches[:-1]} <= {size}
    assert [name for batch in batches for name in batch.ids] == [str(row) for row in range(10)]
    assert [cell for batch in batches for cell in batch.data.column("a").to_pylist()] == [str(row) for row in range(10)]


def test_images_come_in_batches(folder):
    batches = list(open_source(folder).batches(2))
    assert [batch.data.shape for batch in batches] == [(2, 4, 4, 1), (2, 4, 4, 1), (1, 4, 4, 1)]


def test_a_source_can_be_read_again(folder, table):
    for path in (folder, table):
        source = open_source(path)
        assert read_whole(source).ids == read_whole(source).ids


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(SourceError, match="nowhere: there is no such file or folder"):
        open_source(tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "message"), [("a.txt", "of no known kind; accepted"), ("a.png", "a single image")])
def test_a_file_of_another_kind_is_refused(tmp_path, name, message):
    (tmp_path / name).write_text("x")
    with pytest.raises(SourceError, match=message):
        open_source(tmp_path / name)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npy"])
def test_a_source_without_samples_is_refused(tmp_path, name):
    path = tmp_path / name
    if name == "t.npy":
        np.save(path, np.zeros((0, 3)))
    elif name == "t.csv":
        path.write_text("a,b\n")
    else:
        pa.parquet.write_table(pa.table({"a": pa.array([], pa.int64())}), path)
    with pytest.raises(SourceError, match="holds no samples"):
        read_whole(open_source(path))


def test_the_first_image_of_another_size_is_named_with_both_sizes(folder):
    (folder / "3.png").write_bytes(png(0, size=(6, 5)))
    with pytest.raises(SourceError, match=r"3\.png is 5x6 with 1 band of uint8 but 0\.png is 4x4 with 1 band of uint8"):
        read_whole(open_source(folder))


@pytest.mark.parametrize("other", [png(0, mode="RGB"), png(0, mode="I;16")])
def test_images_of_other_bands_or_depth_are_refused(folder, other):
    (folder / "3.png").write_bytes(other)
    with pytest.raises(SourceError, match=r"3\.png is 4x4"):
        read_whole(open_source(folder, reading=Reading(resize=(4, 4))))


def test_resampling_lifts_the_condition_on_size(folder):
    (folder / "3.png").write_bytes(png(9, size=(6, 5)))
    images = read_whole(open_source(folder, reading=Reading(resize=(2, 3)))).data
    assert images.shape == (5, 2, 3, 1)
    assert images[3, 0, 0, 0] == 9


def test_a_damaged_image_can_be_left_out_and_is_listed(folder):
    (folder / "1.png").write_bytes(b"junk")
    with pytest.raises(SourceError, match=r"1\.png"):
        read_whole(open_source(folder))
    source = open_source(folder, reading=Reading(on_error="skip"))
    for _ in range(2):
        assert read_whole(source).ids == ["0.png", "2.png", "3.png", "4.png"]
        assert [name for name, _ in source.skipped] == ["1.png"]


def test_when_every_image_is_damaged_the_first_reason_is_given(tmp_path):
    (tmp_path / "a.png").write_bytes(b"junk")
    with pytest.raises(SourceError, match=r"no image can be read; .*a\.png: is not a PNG"):
        read_whole(open_source(tmp_path, reading=Reading(on_error="skip")))


def test_ids_of_a_folder_are_checked_before_anything_is_read(folder):
    (folder / "0.png").write_bytes(b"junk")
    with pytest.raises(SourceError, match="1 of 1 ids were not found: 9"):
        open_source(folder, selection=Selection(ids=frozenset("9")))


def test_columns_are_chosen_and_excluded_and_the_id_is_not_among_them(table):
    def columns(**selection):
        return read_whole(open_source(table, selection=Selection(**selection))).data.column_names

    assert columns() == ["name", "a", "b"]
    assert columns(id_column="name") == ["a", "b"]
    assert columns(columns=("b", "a")) == ["a", "b"]
    assert columns(exclude=("a",)) == ["name", "b"]


def test_an_excluded_column_can_still_be_asked_for(table):
    batch = read_whole(open_source(table, selection=Selection(where=(("a", "3"),), exclude=("a",))))
    assert batch.data.to_pylist() == [{"name": "y", "b": "4"}]


@pytest.mark.parametrize("choice", [{"columns": ("c",)}, {"exclude": ("c",)}])
def test_an_unknown_column_is_refused(table, choice):
    with pytest.raises(SourceError, match="no column 'c'; its columns are name, a, b"):
        open_source(table, selection=Selection(**choice))


def test_at_least_one_column_is_left(table):
    with pytest.raises(SourceError, match="no column is left"):
        open_source(table, selection=Selection(exclude=("name", "a", "b")))


def test_images_have_no_columns_to_choose(folder):
    with pytest.raises(SettingError, match="holds images"):
        open_source(folder, selection=Selection(columns=("a",)))


def test_only_a_folder_has_a_catalogue(table):
    with pytest.raises(SettingError, match="not a folder"):
        open_source(table, selection=Selection(catalogue=table))


@pytest.mark.parametrize("wrapped", [False, True])
def test_parquet_holds_encoded_images(tmp_path, wrapped):
    images = [png(value) for value in range(3)]
    cells = [{"bytes": image, "path": None} for image in images] if wrapped else images
    pa.parquet.write_table(pa.table({"image": cells, "label": [0, 1, 0]}), tmp_path / "t.parquet")
    source = open_source(tmp_path / "t.parquet", selection=Selection(where=(("label", "0"),)))
    batch = read_whole(source)
    assert batch.ids == ["0", "2"]
    assert batch.data[:, 0, 0, 0].tolist() == [0, 2]


def test_an_image_missing_from_a_parquet_file_is_named(tmp_path):
    pa.parquet.write_table(pa.table({"image": [png(0), None, b"junk"]}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match="row 1: column image holds no image bytes"):
        read_whole(open_source(tmp_path / "t.parquet"))
    source = open_source(tmp_path / "t.parquet", reading=Reading(on_error="skip"))
    assert read_whole(source).ids == ["0"]
    assert [name for name, _ in source.skipped] == ["1", "2"]


def test_of_two_image_columns_one_must_be_named(tmp_path):
    pa.parquet.write_table(pa.table({"one": [png(1)], "two": [png(2)]}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match="columns one, two all hold bytes"):
        open_source(tmp_path / "t.parquet")
    assert read_whole(open_source(tmp_path / "t.parquet", reading=Reading(array="two"))).data.max() == 2


def test_counts_are_given_while_they_cost_nothing(folder, table, tmp_path):
    pa.parquet.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "t.parquet")
    assert open_source(folder).count() == 5
    assert open_source(table).count() is None
    assert open_source(tmp_path / "t.parquet").count() == 3
    assert open_source(tmp_path / "t.parquet", selection=Selection(limit=2)).count() == 2
    assert open_source(tmp_path / "t.parquet", selection=Selection(where=(("a", "1"),))).count() is None


def test_a_real_table_is_read_within_half_a_second(shared):
    path = shared("data/nsl_kdd/train.csv.gz")
    start = time.process_time()
    rows = read_whole(open_source(path)).data
    assert rows.shape == (25_192, 43)
    assert time.process_time() - start < 0.5


def test_a_class_of_a_real_image_array_is_selected(shared):
    path = shared("data/fashion_mnist/fashion_mnist.npz")
    source = open_source(path, selection=Selection(where=(("y_test", "0"),)), reading=Reading(array="x_test"))
    assert read_whole(source).data.shape == (1000, 28, 28, 1)


def test_a_class_of_a_real_parquet_file_is_selected(shared):
    source = open_source(shared("data/cifar10/test.parquet"), selection=Selection(where=(("label", "3"),), limit=50))
    assert read_whole(source).data.shape == (50, 32, 32, 3)
