import numpy as np
import pyarrow as pa
import pytest

from poleward.data import arrays
from poleward.data.arrays import open_arrays
from poleward.data.reading import Reading
from poleward.data.selection import Selection
from poleward.data.source import open_source, read_whole
from poleward.errors import SourceError


def saved(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    return tmp_path / "a.npy"


def test_rows_become_numbered_columns(tmp_path):
    batch = read_whole(open_source(saved(tmp_path, np.arange(6.0).reshape(2, 3))))
    assert batch.data.to_pydict() == {"x0": [0, 3], "x1": [1, 4], "x2": [2, 5]}
    assert batch.ids == ["0", "1"]


def test_columns_keep_the_type_of_the_array_whatever_its_byte_order(tmp_path):
    batch = read_whole(open_source(saved(tmp_path, np.array([[1, 2]], ">i2"))))
    assert batch.data.schema.types == [pa.int16(), pa.int16()]
    assert batch.data.to_pylist() == [{"x0": 1, "x1": 2}]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 8, 6), (2, 8, 6, 1)),
        ((2, 8, 6, 3), (2, 8, 6, 3)),
        ((2, 3, 8, 6), (2, 8, 6, 3)),
        ((2, 5, 5, 5), (2, 5, 5, 5)),
    ],
)
def test_the_bands_axis_is_the_shorter_one(tmp_path, shape, expected):
    array = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    images = read_whole(open_source(saved(tmp_path, array))).data
    assert images.shape == expected
    moved = np.moveaxis(array, 1, -1) if shape[1] == 3 else array
    assert np.array_equal(images, moved.reshape(expected))


@pytest.mark.parametrize("shape", [(4,), (), (1, 2, 3, 4, 5)])
def test_another_shape_is_refused(tmp_path, shape):
    with pytest.raises(SourceError, match="accepted are"):
        open_source(saved(tmp_path, np.zeros(shape)))


def test_batches_cross_the_borders_of_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "BYTES_PER_CHUNK", 3 * 8)
    source = open_source(saved(tmp_path, np.arange(20.0).reshape(10, 2)))
    batches = list(source.batches(4))
    assert [len(batch.ids) for batch in batches] == [4, 4, 2]
    assert [row for batch in batches for row in batch.data.column("x0").to_pylist()] == list(range(0, 20, 2))


def test_a_single_array_needs_no_usual_name(tmp_path):
    np.savez(tmp_path / "a.npz", anything=np.zeros((2, 3)))
    assert open_source(tmp_path / "a.npz").count() == 2


def test_the_usual_name_is_taken_and_the_others_listed_when_there_is_none(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.zeros((2, 3)), other=np.zeros((5, 3)))
    np.savez(tmp_path / "b.npz", one=np.zeros((2, 3)), other=np.zeros((5, 3)))
    assert open_source(tmp_path / "a.npz").count() == 2
    assert open_source(tmp_path / "b.npz", reading=Reading(array="other")).count() == 5
    with pytest.raises(SourceError, match=r"one \(2, 3\), other \(5, 3\)"):
        open_source(tmp_path / "b.npz")
    with pytest.raises(SourceError, match="none is called 'third'"):
        open_source(tmp_path / "b.npz", reading=Reading(array="third"))


def test_companions_are_those_of_the_same_length(tmp_path):
    x_train, x_test = np.zeros((3, 2)), np.ones((2, 2))
    np.savez(tmp_path / "a.npz", x_train=x_train, y_train=[0, 1, 0], x_test=x_test, y_test=[5, 6])
    source = open_source(
        tmp_path / "a.npz", selection=Selection(where=(("y_test", "6"),)), reading=Reading(array="x_test")
    )
    batch = read_whole(source)
    assert batch.ids == ["1"]
    assert batch.data.column_names == ["x0", "x1"]
    with pytest.raises(SourceError, match="known are y_test"):
        open_source(tmp_path / "a.npz", selection=Selection(where=(("y_train", "0"),)), reading=Reading(array="x_test"))


def test_a_companion_may_name_the_samples(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 4, 4)), names=["p", "q"])
    assert read_whole(open_source(tmp_path / "a.npz", selection=Selection(id_column="names"))).ids == ["p", "q"]
    with pytest.raises(SourceError, match=r"no array 'nom' .* names"):
        open_arrays(tmp_path / "a.npz", Reading(), "nom")


def test_an_infinite_image_is_named_by_its_row(tmp_path):
    array = np.zeros((3, 4, 4))
    array[2, 1, 1] = np.inf
    with pytest.raises(SourceError, match="row 2: has infinite pixels"):
        read_whole(open_source(saved(tmp_path, array)))


def test_images_are_resampled_on_request(tmp_path):
    source = open_source(saved(tmp_path, np.full((2, 4, 4), 9, np.uint8)), reading=Reading(resize=(6, 8)))
    assert read_whole(source).data.shape == (2, 6, 8, 1)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("content", [b"", b"hello"])
def test_a_damaged_file_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=rf"{name}: cannot be read as a NumPy file"):
        open_source(tmp_path / name)


def test_a_damaged_header_or_archive_is_named_too(tmp_path):
    """NumPy reads the head of an array as a literal, and zipfile refuses versions that it does not know."""
    np.save(tmp_path / "a.npy", np.zeros((3, 5)))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole.replace(b"(3, 5)", b"(3, 5 "))
    np.savez(tmp_path / "a.npz", X=np.zeros((3, 5)))
    whole = (tmp_path / "a.npz").read_bytes()
    central = whole.index(b"PK\x01\x02")
    (tmp_path / "a.npz").write_bytes(whole[: central + 6] + b"\x7d" + whole[central + 7 :])
    for name in ("a.npy", "a.npz"):
        with pytest.raises(SourceError, match=rf"{name}: cannot be read as a NumPy file"):
            open_source(tmp_path / name)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_objects_are_never_unpickled(tmp_path, name):
    objects = np.array([[{}]], dtype=object)
    if name == "a.npy":
        np.save(tmp_path / name, objects, allow_pickle=True)
    else:
        np.savez(tmp_path / name, X=objects)
    with pytest.raises(SourceError, match="cannot be read as a NumPy file"):
        open_source(tmp_path / name)


@pytest.mark.parametrize("shape", [(40, 3), (40, 6, 5), (40, 6, 5, 2)])
def test_a_zarr_is_read_as_the_npy_of_the_same_array(tmp_path, shape):
    zarr = pytest.importorskip("zarr", reason='zarr is not installed: pip install "poleward[zarr]"')
    from poleward.data.source import open_source, read_whole

    array = np.random.default_rng(0).normal(size=shape)
    np.save(tmp_path / "a.npy", array)
    stored = zarr.create_array(tmp_path / "a.zarr", shape=shape, chunks=(7, *shape[1:]), dtype="float64")
    stored[:] = array
    one, other = (read_whole(open_source(tmp_path / name)) for name in ("a.npy", "a.zarr"))
    assert one.ids == other.ids
    assert one.data.equals(other.data) if len(shape) == 2 else np.array_equal(one.data, other.data)


def test_a_group_of_a_zarr_gives_the_array_asked_for_and_columns_beside_it(tmp_path):
    zarr = pytest.importorskip("zarr", reason='zarr is not installed: pip install "poleward[zarr]"')
    from poleward.data.selection import Selection
    from poleward.data.source import open_source, read_whole

    group = zarr.open_group(tmp_path / "sky.zarr", mode="w")
    group.create_array("x", shape=(6, 2), dtype="float64")[:] = np.arange(12.0).reshape(6, 2)
    group.create_array("odd", shape=(6,), dtype="int64")[:] = [0, 1, 0, 1, 0, 1]
    batch = read_whole(open_source(tmp_path / "sky.zarr", selection=Selection(where=(("odd", "1"),))))
    assert batch.data["x0"].to_pylist() == [2.0, 6.0, 10.0]
