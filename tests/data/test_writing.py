import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from poleward.data.writing import write_samples, write_text
from poleward.errors import OutputError, SettingError

TABLE = pa.table({"a": [1.5, None, 3.0], "b": ["x", 'say "y", twice', None]})


def images(bands, dtype=np.uint8, n=12):
    return np.random.default_rng(0).integers(0, 200, (n, 5, 4, bands)).astype(dtype)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_as_utf_8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "a" / "page.html", "naïve\r\n★\n")
    assert (tmp_path / "a" / "page.html").read_bytes() == "naïve\r\n★\n".encode()


def test_text_replaces_what_was_there(tmp_path):
    write_text(tmp_path / "page.html", "old and long")
    write_text(tmp_path / "page.html", "new")
    assert (tmp_path / "page.html").read_text() == "new"
    assert names_in(tmp_path) == ["page.html"]


def test_a_table_goes_to_parquet_with_its_types(tmp_path):
    write_samples(tmp_path / "t.parquet", TABLE)
    assert pa.parquet.read_table(tmp_path / "t.parquet").equals(TABLE)


def test_a_table_goes_to_csv(tmp_path):
    write_samples(tmp_path / "t.CSV", TABLE)
    read = pa.csv.read_csv(
        tmp_path / "t.CSV",
        convert_options=pa.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False),
    )
    assert read.equals(TABLE)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, bool])
@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.NPZ"])
def test_images_go_to_an_array_file_in_their_depth(tmp_path, name, dtype):
    write_samples(tmp_path / name, images(2, dtype))
    array = array_in(tmp_path / name)
    assert array.dtype == dtype
    assert np.array_equal(array, images(2, dtype))
    assert names_in(tmp_path) == [name]


def array_in(path):
    if path.suffix == ".npy":
        return np.load(path)
    with np.load(path) as held:
        return held["X"]


@pytest.mark.parametrize(("bands", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_images_of_8_bits_go_to_a_folder_of_pictures(tmp_path, bands, mode):
    write_samples(tmp_path / "new", images(bands))
    assert names_in(tmp_path / "new") == [f"{i:02d}.png" for i in range(12)]
    with Image.open(tmp_path / "new" / "07.png") as picture:
        assert picture.mode == mode
        assert np.array_equal(np.asarray(picture).reshape(5, 4, bands), images(bands)[7])


@pytest.mark.parametrize(("bands", "dtype"), [(2, np.uint8), (3, np.uint16), (1, np.float32)])
def test_images_that_no_picture_can_hold_go_to_a_folder_of_arrays(tmp_path, bands, dtype):
    write_samples(tmp_path / "new", images(bands, dtype))
    assert np.array_equal(np.load(tmp_path / "new" / "07.npy"), images(bands, dtype)[7])


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.csv", images(1), "a model of images writes to .npy, .npz, no ending, for a folder"),
        ("x.png", images(1), "a model of images"),
        ("x.npy", TABLE, "a model of table writes to .csv, .parquet"),
        ("x", TABLE, "a model of table"),
    ],
)
def test_a_form_that_does_not_fit_is_refused(tmp_path, name, data, said):
    with pytest.raises(SettingError, match=said):
        write_samples(tmp_path / name, data)
    assert names_in(tmp_path) == []


def test_a_folder_is_never_replaced(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "thesis.tex").touch()
    with pytest.raises(OutputError, match="is a folder already; choose another place"):
        write_samples(tmp_path / "new", images(1))
    assert names_in(tmp_path / "new") == ["thesis.tex"]


def test_a_place_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/page\.html: cannot be written"):
        write_text(tmp_path / "file" / "page.html", "x")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.npy", images(3)),
        ("x.npz", images(3)),
        ("new", images(2)),
        ("new", images(3)),
        ("t.csv", pa.table({"a": range(999)})),
        ("t.parquet", pa.table({"a": range(999)})),
    ],
)
def test_a_disc_that_fills_up_leaves_nothing(tmp_path, name, data, disc_full_after):
    with (
        disc_full_after(60),
        pytest.raises(OutputError, match=r"cannot be written .*; nothing was left behind") as failed,
    ):
        write_samples(tmp_path / name, data)
    assert "\n" not in str(failed.value)
    assert names_in(tmp_path) == []


def test_a_disc_that_fills_up_leaves_the_old_page(tmp_path, disc_full_after):
    write_text(tmp_path / "page.html", "old")
    with disc_full_after(60), pytest.raises(OutputError, match="cannot be written"):
        write_text(tmp_path / "page.html", "new" * 100)
    assert (tmp_path / "page.html").read_text() == "old"
    assert names_in(tmp_path) == ["page.html"]
