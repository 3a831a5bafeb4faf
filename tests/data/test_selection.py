import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.data.selection import Selection, match_ids, parse_where, read_ids
from poleward.data.source import open_source, read_whole
from poleward.errors import SettingError, SourceError

TABLE = pa.table(
    {
        "number": [0, 1, 1, None],
        "share": [0.5, 1.0, 1.0, 2.0],
        "flag": [True, False, True, True],
        "word": ["a", "b", None, "b"],
        "code": pa.array(["a", "b", "b", "c"]).dictionary_encode(),
    }
)


@pytest.fixture
def path(tmp_path):
    pa.parquet.write_table(TABLE, tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def selected(path, **selection):
    return read_whole(open_source(path, selection=Selection(**selection))).ids


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("number=1", ["1", "2"]),
        ("share=1", ["1", "2"]),
        ("share=1.0", ["1", "2"]),
        ("flag=true", ["0", "2", "3"]),
        ("word=b", ["1", "3"]),
        ("word=", ["2"]),
        ("code=b", ["1", "2"]),
    ],
)
def test_a_condition_is_read_in_the_type_of_its_column(path, condition, ids):
    assert selected(path, where=(parse_where(condition),)) == ids


def test_conditions_are_all_met(path):
    assert selected(path, where=(("number", "1"), ("flag", "true"))) == ["2"]


def test_a_value_that_the_column_cannot_hold_is_refused(path):
    with pytest.raises(SourceError, match="--where number=many: column number holds int64"):
        selected(path, where=(("number", "many"),))


def test_an_unknown_column_is_refused_with_the_known_ones(path):
    with pytest.raises(SourceError, match="'colour'; known are number, share"):
        selected(path, where=(("colour", "red"),))


def test_a_selection_of_nothing_says_what_was_asked(path):
    with pytest.raises(SourceError, match="nothing is left after --where number=7"):
        selected(path, where=(("number", "7"),))


def test_a_limit_keeps_the_first_ones_of_the_selection(path):
    assert selected(path, limit=2, where=(("flag", "true"),)) == ["0", "2"]


def test_a_limit_is_at_least_one():
    with pytest.raises(SettingError, match="at least 1"):
        Selection(limit=0)


def test_ids_are_picked_in_the_order_of_the_source(path):
    assert selected(path, ids=frozenset(["3", "1"])) == ["1", "3"]


def test_ids_that_are_not_there_are_counted_and_the_first_named(path):
    with pytest.raises(SourceError, match=r"4 of 5 ids were not found: 5, 6, 7, \.\.\."):
        selected(path, ids=frozenset("15678"))


def test_an_id_that_fits_two_samples_far_apart_is_refused(tmp_path):
    names = ["a/x.png"] + [f"{row}" for row in range(10_000)] + ["b/x.png"]
    pa.parquet.write_table(pa.table({"name": names, "value": range(len(names))}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=r"'x\.png' fits both 'a/x\.png' and 'b/x\.png'"):
        selected(tmp_path / "t.parquet", ids=frozenset(["x.png"]), id_column="name")


@pytest.mark.parametrize("text", ["split", "=train", ""])
def test_a_condition_without_column_or_sign_is_refused(text):
    with pytest.raises(SettingError, match="COLUMN=VALUE"):
        parse_where(text)


def test_a_value_may_hold_an_equals_sign():
    assert parse_where("a=b=c") == ("a", "b=c")


def test_ids_are_read_one_per_line(tmp_path):
    (tmp_path / "ids.txt").write_text("a b\n\n 2.png\r\n")
    assert read_ids(tmp_path / "ids.txt") == {"a b", "2.png"}


def test_ids_are_read_from_a_column(tmp_path):
    (tmp_path / "ids.csv").write_text("score,id\n1,a\n2,b\n")
    assert read_ids(tmp_path / "ids.csv") == {"a", "b"}


@pytest.mark.parametrize(("name", "text"), [("a.txt", "\n"), ("a.csv", "id\n"), ("a.csv", "name\nx\n")])
def test_a_file_without_ids_is_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(SourceError, match="id"):
        read_ids(tmp_path / name)


def test_a_missing_file_of_ids_is_named(tmp_path):
    with pytest.raises(SourceError, match="ids"):
        read_ids(tmp_path / "ids.txt")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a/1.png", "a/1.png"),
        ("a/1.png", "1.png"),
        ("a/1.png", "1"),
        ("a/1.png", "a/1"),
        ("a/1.png", "1.fits"),
        ("1", "deep/1.fits.gz"),
    ],
)
def test_an_id_matches_by_path_name_or_stem(name, key):
    assert match_ids(["other", name], ["something", key]).tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("ids", "keys"),
    [
        (["a/1.png", "b/1.png"], ["1.png"]),
        (["a/1.png"], ["x/1.png", "y/1.png"]),
        (["1.png", "1.jpg"], ["1"]),
        (["1.5"], ["1.7"]),
    ],
)
def test_what_could_be_two_matches_none(ids, keys):
    assert match_ids(ids, keys).max() == -1


def test_an_equal_id_goes_before_a_similar_one():
    assert match_ids(["a/1.png", "1.png"], ["1.png"]).tolist() == [-1, 0]


@given(st.lists(st.text(alphabet="ab/.1png", max_size=8), unique=True), st.randoms())
def test_equal_ids_match_whatever_their_order(names, random):
    keys = random.sample(names, len(names))
    assert [keys[place] for place in match_ids(names, keys)] == names
