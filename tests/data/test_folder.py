import numpy as np
import pytest
from PIL import Image

from poleward.data.reading import Reading
from poleward.data.selection import Selection
from poleward.data.source import open_source, read_whole
from poleward.errors import SourceError


def paint(path, value=0, size=(4, 4), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def folder(tmp_path):
    images = tmp_path / "sky" / "images"
    for value, name in enumerate(["a/2.png", "a/1.PNG", "b.png"]):
        paint(images / name, value)
    return images


def test_images_come_in_the_order_of_their_paths(folder):
    batch = read_whole(open_source(folder))
    assert batch.ids == ["a/1.PNG", "a/2.png", "b.png"]
    assert batch.data[:, 0, 0, 0].tolist() == [1, 0, 2]


def test_other_and_hidden_files_are_ignored(folder):
    (folder / "SOURCE.txt").write_text("x")
    (folder / "labels.csv").write_text("x")
    paint(folder / ".thumbnails" / "x.png")
    paint(folder / ".hidden.png")
    assert open_source(folder).count() == 3


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    for name in ["a.csv", "b.csv", "c"]:
        (tmp_path / name).write_text("x")
    with pytest.raises(SourceError, match=r"holds no image \(2 with \.csv, 1 with no ending\); accepted are \.png"):
        open_source(tmp_path)


def test_formats_may_be_mixed(folder):
    np.save(folder / "c.npy", np.full((4, 4), 7, np.uint8))
    assert read_whole(open_source(folder)).data[:, 0, 0, 0].tolist() == [1, 0, 2, 7]


@pytest.mark.parametrize("place", [".", ".."])
def test_the_only_table_within_or_beside_is_the_catalogue(folder, place):
    (folder / place / "labels.csv").write_text("id,split\n1,train\n2,test\nb.png,train\n")
    source = open_source(folder, selection=Selection(where=(("split", "train"),)))
    assert source.count() == 2
    assert read_whole(source).ids == ["a/1.PNG", "b.png"]


def test_the_table_within_goes_before_those_beside(folder):
    (folder / "labels.csv").write_text("id,split\nb,train\n")
    (folder.parent / "x.csv").write_text("id,split\n1,train\n")
    assert read_whole(open_source(folder, selection=Selection(where=(("split", "train"),)))).ids == ["b.png"]


def test_of_two_tables_one_must_be_named(folder):
    for name in ["one.csv", "two.csv"]:
        (folder.parent / name).write_text("id,split\nb,train\n")
    where = (("split", "train"),)
    with pytest.raises(SourceError, match=r"2 tables \(one.csv, two.csv\)"):
        open_source(folder, selection=Selection(where=where))
    chosen = Selection(where=where, catalogue=folder.parent / "two.csv")
    assert open_source(folder, selection=chosen).count() == 1


def test_tables_do_not_matter_while_no_column_is_asked_for(folder):
    for name in ["one.csv", "two.csv"]:
        (folder.parent / name).write_text("id\n")
    assert open_source(folder).count() == 3


def test_without_a_catalogue_a_condition_is_refused(folder):
    with pytest.raises(SourceError, match="no column is known beside the data"):
        open_source(folder, selection=Selection(where=(("split", "train"),)))


@pytest.mark.parametrize(("id_column", "expected"), [(None, "b.png"), ("file", "a/1.PNG")])
def test_the_catalogue_is_joined_by_the_column_named_id_unless_another_is_named(folder, id_column, expected):
    (folder / "c.csv").write_text("file,id,split\n1,b,train\n")
    source = open_source(folder, selection=Selection(where=(("split", "train"),), id_column=id_column))
    assert read_whole(source).ids == [expected]


def test_a_catalogue_of_other_images_is_refused(folder):
    (folder / "c.csv").write_text("name,split\nx,train\ny,train\n")
    with pytest.raises(SourceError, match="none of its 2 ids in column 'name' fits an image"):
        open_source(folder, selection=Selection(where=(("split", "train"),)))


def test_a_catalogue_that_names_an_image_twice_is_refused(folder):
    (folder / "c.csv").write_text("id,split\nb,train\nb,test\n")
    with pytest.raises(SourceError, match="'b' stands in more than one row"):
        open_source(folder, selection=Selection(where=(("split", "train"),)))


def test_an_unreadable_file_is_named(folder):
    (folder / "z.png").write_bytes(b"junk")
    with pytest.raises(SourceError, match=r"z\.png: is not a PNG"):
        read_whole(open_source(folder))


@pytest.mark.parametrize("reading", [Reading(), Reading(resize=(8, 8))])
def test_real_galaxies_are_selected_by_split(shared, reading):
    source = open_source(
        shared("data/galaxy_zoo") / "images",
        selection=Selection(where=(("split", "train"), ("odd", "0"))),
        reading=reading,
    )
    assert source.count() == 3200
    assert next(source.batches(5)).data.shape == (5, *(reading.resize or (64, 64)), 3)
