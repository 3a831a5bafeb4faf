import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from poleward.data.reading import Reading
from poleward.data.selection import Selection
from poleward.data.truth import read_truth
from poleward.errors import SourceError


def written(path, text):
    path.write_text(text)
    return path


@pytest.fixture
def source(tmp_path):
    return written(tmp_path / "source.csv", "value,split\n7,train\n7,test\n9,test\n")


@pytest.mark.parametrize("values", ["0 1", "0.0 1.0", "false true", "False True"])
def test_yes_and_no_are_written_in_several_ways(tmp_path, source, values):
    no, yes = values.split()
    truth = read_truth(written(tmp_path / "t.csv", f"id,label\n0,{no}\n1,{yes}\n2,{no}\n"), source)
    labels, known = truth.aligned(["2", "1", "0"])
    assert labels.tolist() == [False, True, False]
    assert known.all()


def test_samples_without_truth_are_marked(tmp_path, source):
    truth = read_truth(written(tmp_path / "t.csv", "id,label\n0,0\n1,1\n2,\n"), source)
    labels, known = truth.aligned(["5", "1", "2", "0"])
    assert known.tolist() == [False, True, False, True]
    assert labels.tolist() == [False, True, False, False]


def test_truth_that_fits_no_id_is_refused(tmp_path, source):
    truth = read_truth(written(tmp_path / "t.csv", "id,label\na,0\nb,1\n"), source)
    with pytest.raises(SourceError, match=r"fits none of the 2 ids \(0, 1 against a, b\)"):
        truth.aligned(["0", "1"])


def test_ids_that_stand_twice_are_refused(tmp_path, source):
    truth = read_truth(written(tmp_path / "t.csv", "id,label\na,0\na,1\n"), source)
    with pytest.raises(SourceError, match="more than once"):
        truth.aligned(["a"])


def test_file_names_match_by_stem(tmp_path, source):
    truth = read_truth(written(tmp_path / "t.csv", "file,odd\n1,0\n2,1\n"), source)
    assert truth.aligned(["x/2.png", "x/1.png"])[0].tolist() == [True, False]


def test_without_an_id_column_rows_are_matched_by_number(tmp_path, source):
    truth = read_truth(written(tmp_path / "t.csv", "value,label\n3.5,0\n2,1\n1,0\n"), source)
    assert truth.aligned(["0", "1", "2"])[0].tolist() == [False, True, False]


def test_the_named_id_column_is_taken(tmp_path, source):
    text = "id,key,label\n0,b,1\n1,a,0\n"
    truth = read_truth(written(tmp_path / "t.csv", text), source, Selection(id_column="key"))
    assert truth.aligned(["a", "b"])[0].tolist() == [False, True]


def test_the_source_may_hold_its_own_truth(tmp_path):
    path = written(tmp_path / "s.csv", "value,label\n3,normal\n4,attack\n5,probe\n")
    for given in (None, path):
        assert read_truth(given, path, normal="normal").aligned(["0", "1", "2"])[0].tolist() == [False, True, True]


def test_truth_stays_aligned_with_the_selection(tmp_path):
    path = written(tmp_path / "s.csv", "split,label\ntrain,0\ntest,0\ntest,1\n")
    truth = read_truth(None, path, Selection(where=(("split", "test"),)))
    assert truth.labels.tolist() == [False, True]
    assert truth.aligned(["2", "1"])[0].tolist() == [True, False]


def test_ids_that_repeat_are_aligned_by_order(tmp_path):
    path = written(tmp_path / "s.csv", "name,label\na,0\na,1\n")
    truth = read_truth(None, path, Selection(id_column="name"))
    assert truth.aligned(["a", "a"])[0].tolist() == [False, True]


def test_the_companion_of_an_array_is_its_truth(tmp_path):
    np.savez(tmp_path / "a.npz", x_test=np.zeros((3, 2)), y_test=[0, 4, 0], x=np.zeros((2, 2)), y=[0, 1])
    truth = read_truth(None, tmp_path / "a.npz", normal="0", reading=Reading(array="x_test"))
    assert truth.column == "y_test"
    assert truth.aligned(["0", "1", "2"])[0].tolist() == [False, True, False]


def test_a_typed_column_of_the_source_is_its_truth(tmp_path):
    table = pa.table({"value": [1.0, 2.0], "outlier": [True, False]})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    assert read_truth(None, tmp_path / "t.parquet").aligned(["0", "1"])[0].tolist() == [True, False]


def test_the_catalogue_of_a_folder_is_its_truth(tmp_path):
    (tmp_path / "images").mkdir()
    for name in "ab":
        Image.new("L", (2, 2)).save(tmp_path / "images" / f"{name}.png")
    written(tmp_path / "labels.csv", "id,odd\nb,1\na,0\n")
    assert read_truth(None, tmp_path / "images").aligned(["a.png", "b.png"])[0].tolist() == [False, True]


@pytest.mark.parametrize(("names", "chosen"), [("x,odd", "odd"), ("target,label", "label"), ("x,only", "only")])
def test_the_likeliest_column_is_taken(tmp_path, source, names, chosen):
    x = "7" if chosen == "only" else "1"
    path = written(tmp_path / "t.csv", f"id,{names}\n0,0,0\n1,{x},1\n")
    assert read_truth(path, source).column == chosen


@pytest.mark.parametrize(
    ("text", "message"), [("0,0,0\n1,1,1\n", r"2 columns hold .* \(p, q\)"), ("0,7,8\n", "no column holds")]
)
def test_a_choice_that_is_not_clear_is_refused(tmp_path, source, text, message):
    with pytest.raises(SourceError, match=message):
        read_truth(written(tmp_path / "t.csv", f"id,p,q\n{text}"), source)


def test_the_named_column_is_taken(tmp_path, source):
    path = written(tmp_path / "t.csv", "id,label,second\n0,0,1\n1,1,0\n")
    assert read_truth(path, source, column="second").aligned(["0", "1"])[0].tolist() == [True, False]


def test_an_unknown_column_is_refused_with_the_known_ones(tmp_path, source):
    with pytest.raises(SourceError, match=r"no column 'z' .*its columns are label"):
        read_truth(written(tmp_path / "t.csv", "id,label\n0,0\n"), source, column="z")


def test_values_other_than_yes_and_no_need_a_normal_one(tmp_path, source):
    path = written(tmp_path / "t.csv", "id,kind\n0,star\n1,galaxy\n")
    with pytest.raises(SourceError, match="holds galaxy, star; accepted are 0/1"):
        read_truth(path, source, column="kind")
    with pytest.raises(SourceError, match="never holds 'planet'; it holds galaxy, star"):
        read_truth(path, source, column="kind", normal="planet")
    assert read_truth(path, source, normal="star").aligned(["0", "1"])[0].tolist() == [False, True]
