import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from poleward.correction.constraints import Constraints, read_mask
from poleward.correction.rules import parse_rules
from poleward.errors import SettingError, SourceError

COLUMNS = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("asked", "may"),
    [
        ({}, [True, True, True]),
        ({"changeable": ("b", "c")}, [False, True, True]),
        ({"protected": ("b",)}, [True, False, True]),
        ({"changeable": ("b",), "protected": ("b",)}, [False, False, False]),
        ({"changeable": ()}, [False, False, False]),
    ],
)
def test_columns_may_change_unless_they_are_left_out_or_protected(asked, may):
    assert Constraints(**asked).may_change(COLUMNS).tolist() == may


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"changeable": ("x",)}, "there is no column 'x' to change or protect; columns are a, b, c"),
        ({"protected": ("a", "y")}, "there is no column 'y' to change or protect"),
        ({"trusted": np.zeros((3, 3), bool)}, r"mask of trusted cells has shape \(3, 3\); the samples have \(2, 3\)"),
        ({"wrong": np.zeros((2, 4), bool)}, r"mask of wrong cells has shape \(2, 4\)"),
        ({"rules": parse_rules({"values": {"z": [1]}})}, "the rules name column 'z'"),
    ],
)
def test_what_does_not_fit_the_table_is_named_at_the_door(asked, line):
    with pytest.raises(SettingError, match=line):
        Constraints(**asked).check(COLUMNS, (2, 3))


def test_what_fits_passes():
    Constraints(("a",), ("b",), np.ones((2, 3), bool), np.zeros((2, 3), bool)).check(COLUMNS, (2, 3))


def test_a_cell_is_not_both_wrong_and_trusted():
    both = np.eye(3, dtype=bool)
    with pytest.raises(SettingError, match=r"the cell at \(0, 0\) is marked both wrong and trusted"):
        Constraints(trusted=both, wrong=both)


def test_fewer_changes_than_none_are_refused():
    with pytest.raises(SettingError, match="max_changes is -1; it is at least 0"):
        Constraints(max_changes=-1)


def test_a_run_of_rows_has_its_own_cells_and_all_else():
    whole = Constraints(("a",), trusted=np.eye(3, dtype=bool), max_changes=4)
    part = whole.rows(1, 3)
    assert part.trusted.tolist() == [[False, True, False], [False, False, True]]
    assert (part.changeable, part.wrong, part.max_changes) == (("a",), None, 4)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_list_of_cells_marks_them_by_id(tmp_path, ending):
    path = tmp_path / f"m.{ending}"
    table = pa.table({"id": ["r2", "r0", "r2"], "column": ["a", "c", "b"], "state": ["wrong", "trusted", "trusted"]})
    if ending == "csv":
        path.write_text("id,column,state\nr2,a,wrong\nr0,c,trusted\nr2,b,trusted\n")
    else:
        pq.write_table(table, path)
    mask = read_mask(path)
    wrong, trusted = mask.piece(0, ["r0", "r1"], COLUMNS, (2, 3))
    assert not wrong.any()
    assert np.argwhere(trusted).tolist() == [[0, 2]]
    wrong, trusted = mask.piece(2, ["r2"], COLUMNS, (1, 3))
    assert np.argwhere(wrong).tolist() == [[0, 0]]
    assert np.argwhere(trusted).tolist() == [[0, 1]]
    mask.finish(3)


def test_ids_that_the_source_does_not_have_are_named_in_the_end(tmp_path):
    (tmp_path / "m.csv").write_text("id,column,state\nr2,a,wrong\nr9,a,wrong\n")
    mask = read_mask(tmp_path / "m.csv")
    mask.piece(0, ["r2"], COLUMNS, (1, 3))
    with pytest.raises(SettingError, match=r"m\.csv: 1 ids are not in the source: r9"):
        mask.finish(1)


def test_columns_that_the_source_does_not_have_are_named(tmp_path):
    (tmp_path / "m.csv").write_text("id,column,state\n0,x,wrong\n")
    with pytest.raises(SettingError, match=r"m\.csv: has a column 'x'; the source's are a, b, c"):
        read_mask(tmp_path / "m.csv").piece(0, ["0"], COLUMNS, (1, 3))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("id,state\n1,wrong\n", "lacks the column 'column'; a mask has the columns id, column and state"),
        ("id,column,state\n1,a,bad\n", "line 1 is 1, a, bad; a state is wrong or trusted"),
        ("id,column,state\n1,a,wrong\n,a,wrong\n", "line 2 is None, a, wrong"),
        ("id,column,state\n1,a,wrong\n1,a,trusted\n", "column 'a' of 1 is marked both wrong and trusted"),
    ],
)
def test_a_faulty_list_is_told_in_one_line(tmp_path, content, line):
    (tmp_path / "m.csv").write_text(content)
    with pytest.raises(SettingError, match=line):
        read_mask(tmp_path / "m.csv")


def test_arrays_mark_cells_by_place(tmp_path):
    wrong = np.eye(4, 3, dtype=bool)
    np.savez(tmp_path / "m.npz", wrong=wrong)
    mask = read_mask(tmp_path / "m.npz")
    marked, trusted = mask.piece(1, ["1", "2"], COLUMNS, (2, 3))
    assert np.array_equal(marked, wrong[1:3])
    assert not trusted.any()
    mask.finish(4)
    with pytest.raises(SettingError, match="wrong has 4 samples; the source has 3"):
        mask.finish(3)
    with pytest.raises(SettingError, match=r"shape \(4, 3\); .* shape \(3,\), and there are at least 5"):
        mask.piece(3, ["3", "4"], COLUMNS, (2, 3))


def test_pixels_are_marked_in_all_bands_or_in_each(tmp_path):
    flat = np.arange(2 * 4 * 5).reshape(2, 4, 5) % 7 == 0
    np.savez(tmp_path / "flat.npz", wrong=flat)
    np.savez(tmp_path / "deep.npz", trusted=np.repeat(flat[..., None], 3, axis=3) & np.array([True, False, False]))
    wrong, _ = read_mask(tmp_path / "flat.npz").piece(0, ["x", "y"], [], (2, 4, 5, 3))
    _, trusted = read_mask(tmp_path / "deep.npz").piece(0, ["x", "y"], [], (2, 4, 5, 3))
    assert all(np.array_equal(wrong[..., band], flat) for band in range(3))
    assert np.array_equal(trusted[..., 0], flat)
    assert not trusted[..., 1:].any()


def test_a_list_of_cells_is_no_mask_of_images(tmp_path):
    (tmp_path / "m.csv").write_text("id,column,state\n0,x,wrong\n")
    with pytest.raises(SettingError, match="names cells of a table; the mask of images is an npz"):
        read_mask(tmp_path / "m.csv").piece(0, ["0"], [], (1, 4, 5, 3))


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"wrong": np.zeros((2, 2))}, "holds wrong of float64; accepted are bool arrays called wrong and trusted"),
        ({"bad": np.zeros((2, 2), bool)}, "holds bad of bool; accepted"),
        ({"wrong": np.ones((2, 2), bool), "trusted": np.ones((2, 2), bool)}, r"the cell at \(0, 0\) is marked both"),
    ],
)
def test_faulty_arrays_are_told_in_one_line(tmp_path, arrays, line):
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(SettingError, match=line):
        read_mask(tmp_path / "m.npz")


def test_a_file_that_is_no_mask_is_named(tmp_path):
    (tmp_path / "m.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(SettingError, match=r"m\.npz: cannot be read as an npz"):
        read_mask(tmp_path / "m.npz")
    with pytest.raises(SettingError, match=r"m\.txt: a mask is an npz, csv or parquet file"):
        read_mask(tmp_path / "m.txt")
    with pytest.raises(SourceError, match="there is no such file"):
        read_mask(tmp_path / "m.csv")
