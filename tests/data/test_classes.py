import numpy as np
import pytest
from PIL import Image

from poleward.data.classes import FOLDERS, is_feature, read_classes
from poleward.data.reading import Reading
from poleward.data.selection import Selection
from poleward.errors import SourceError


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,x,kind\nr1,1,a\nr2,2,b\nr3,3,\n")
    return path


@pytest.fixture
def images(tmp_path):
    for name in ("cats/1.png", "dogs/1.png", "dogs/2.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(path)
    return tmp_path / "images"


def by_id():
    return Selection(id_column="id")


def test_a_column_of_the_table_names_the_classes_of_its_rows(table):
    assert read_classes("kind", table, by_id()).of(["r2", "r1", "r3"]) == ["b", "a", ""]


def test_folders_name_the_classes_of_the_images_in_them(images):
    found = read_classes(FOLDERS, images)
    assert found.of(["dogs/2.png", "cats/1.png"]) == ["dogs", "cats"]


def test_an_array_of_an_npz_names_them_by_row(tmp_path):
    np.savez(tmp_path / "x.npz", X=np.zeros((3, 2)), digit=[7, 8, 9])
    assert read_classes("digit", tmp_path / "x.npz").of_all(["2", "0"]) == ["9", "7"]


@pytest.mark.parametrize("head", ["id,label", "id,genus", "id,label,remark"])
def test_a_file_has_ids_and_labels(tmp_path, table, head):
    path = tmp_path / "labels.csv"
    more = ",x" * (head.count(",") - 1)
    path.write_text(f"{head}\nr3,u{more}\nr1,v{more}\n")
    assert read_classes(str(path), table, by_id()).of(["r1", "r2", "r3"]) == ["v", "", "u"]


def test_a_file_with_several_columns_must_say_which_is_the_label(tmp_path, table):
    path = tmp_path / "labels.csv"
    path.write_text("id,genus,species\nr1,a,b\n")
    with pytest.raises(SourceError, match="a column 'label'"):
        read_classes(str(path), table, by_id())


def test_a_label_of_an_unknown_id_is_refused_by_name(tmp_path, table):
    path = tmp_path / "labels.csv"
    path.write_text("id,label\nr1,a\nr9,b\n")
    with pytest.raises(SourceError, match=r"1 of 2 ids are not in the source.*r9"):
        read_classes(str(path), table, by_id())


def test_a_column_that_is_not_there_is_told_with_those_that_are(table):
    with pytest.raises(SourceError, match=r"no column 'class'.*kind"):
        read_classes("class", table, by_id())


def test_samples_without_a_label_are_named_where_all_need_one(table):
    with pytest.raises(SourceError, match=r"1 of 3 samples have no label \(r3\)"):
        read_classes("kind", table, by_id()).of_all(["r1", "r2", "r3"])


def test_a_column_of_the_rows_is_a_feature_unless_it_is_named_as_label(table):
    assert is_feature("kind", table, by_id(), Reading())
    assert not is_feature("label", table, by_id(), Reading())
