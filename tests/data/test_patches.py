import datetime
import gzip
import tracemalloc
import zipfile
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.data import delimited
from poleward.data.copies import copied
from poleward.data.delimited import written
from poleward.data.patches import (
    PatchLine,
    apply_changes,
    forward,
    in_file,
    open_patch,
    read_changes,
    write_changes,
)
from poleward.data.tables import read_table
from poleward.errors import OutputError, SettingError, SourceError
from poleward.records import Change


def change(row, column, old, new, **more):
    told = {"id": str(row), "probability": 0.9, "score_before": 3.0, "score_after": 0.1}
    return Change(row=row, column=column, old=old, new=new, **{**told, **more})


def patched(source, out, changes, patch, id_column=None, array=None):
    """Make changes and list them, as the command does."""
    with copied(source, out, id_column, array) as copy, open_patch(patch) as listed:
        spelled = copy.replace([forward(one) for one in changes])
        listed.write([in_file(one, exact) for one, exact in zip(changes, spelled, strict=True)])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


VALUE = st.text(st.sampled_from("ab\", ;\t\r\n'é\u2028中"), max_size=6)
CELL = VALUE.map(lambda text: written(text, b",")) | st.sampled_from(
    [b"", b'""', b'"plain"', b'"od"d', b'x"y', b'"a,b"', b'"two\nlines"', b" pad ", b'""""', b"NA", b'"q""q"', b"a,b"]
)


@st.composite
def files(draw):
    """A csv of arbitrary spelling, read the way tables are, and changes of some of its cells."""
    n_columns = draw(st.integers(1, 3))
    line_end = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"])
    lines = draw(st.lists(st.lists(CELL, min_size=n_columns, max_size=n_columns), min_size=1, max_size=5))
    content = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b",".join([b"a", b"b", b"c"][:n_columns])
    for line in lines:
        content += draw(line_end) + b",".join(line)
    return content + draw(st.sampled_from([b"", b"\n", b"\r\n"])), draw(st.randoms(use_true_random=False)), draw(VALUE)


@given(files())
def test_going_forth_and_back_gives_the_same_bytes(tmp_path_factory, file):
    content, random, new = file
    folder = tmp_path_factory.mktemp("csv")
    source, out, back = folder / "s.csv", folder / "o.csv", folder / "b.csv"
    source.write_bytes(content)
    try:
        table = read_table(source)
    except SourceError:
        return  # the cells drawn make a ragged table
    places = [(row, name) for row in range(len(table)) for name in table.column_names if random.random() < 0.5]
    changes = [change(row, name, table[name][row].as_py(), new or None) for row, name in places]
    patched(source, out, changes, folder / "p.csv")
    expected = table.to_pydict()
    for row, name in places:
        expected[name][row] = new or None
    assert read_table(out).to_pydict() == expected
    apply_changes(out, read_changes(folder / "p.csv"), back, revert=True)
    assert back.read_bytes() == content == source.read_bytes()
    apply_changes(back, read_changes(folder / "p.csv"), folder / "again.csv")
    assert (folder / "again.csv").read_bytes() == out.read_bytes()


def test_only_the_bytes_of_a_changed_cell_differ(tmp_path):
    (tmp_path / "s.csv").write_bytes(b'\xef\xbb\xbfa,"b"\r\n 1 ,"x"\r\n\r\n"2","y,\n""z"\n3,w')
    apply_changes(tmp_path / "s.csv", [change(1, "a", "2", "5")], tmp_path / "o.csv")
    assert (tmp_path / "o.csv").read_bytes() == b'\xef\xbb\xbfa,"b"\r\n 1 ,"x"\r\n\r\n5,"y,\n""z"\n3,w'


@pytest.mark.parametrize(
    ("new", "cell"), [("a b", b"a b"), ("a;b", b'"a;b"'), ('say "x"', b'"say ""x"""'), ("é", "é".encode()), (None, b"")]
)
def test_a_new_value_is_quoted_only_where_it_has_to_be(tmp_path, new, cell):
    (tmp_path / "s.csv").write_bytes(b"a;b\n1;2\n")
    apply_changes(tmp_path / "s.csv", [change(0, "b", "2", new)], tmp_path / "o.csv")
    assert (tmp_path / "o.csv").read_bytes() == b"a;b\n1;" + cell + b"\n"


def test_a_missing_cell_of_an_only_column_does_not_become_an_empty_line(tmp_path):
    (tmp_path / "s.csv").write_bytes(b"a\n1\n2\n")
    apply_changes(tmp_path / "s.csv", [change(0, "a", "1", None)], tmp_path / "o.csv")
    assert read_table(tmp_path / "o.csv")["a"].to_pylist() == [None, "2"]


@pytest.mark.parametrize("ending", ["csv.gz", "tsv", "tsv.gz"])
def test_compressed_and_tabbed_files_keep_their_content(tmp_path, ending):
    sign = b"\t" if ending.startswith("tsv") else b","
    content = sign.join([b"a", b"b"]) + b"\n" + sign.join([b'"1"', b"2"]) + b"\r\n"
    source, out, back = (tmp_path / f"{name}.{ending}" for name in "sob")
    opened = gzip.open if ending.endswith("gz") else open
    with opened(source, "wb") as file:
        file.write(content)
    patched(source, out, [change(0, "a", "1", "9")], tmp_path / "p.csv")
    with opened(out, "rb") as file:
        assert file.read() == content.replace(b'"1"', b"9")
    apply_changes(out, read_changes(tmp_path / "p.csv"), back, revert=True)
    with opened(back, "rb") as file:
        assert file.read() == content


def test_cells_known_as_missing_keep_their_spelling(tmp_path):
    (tmp_path / "s.csv").write_bytes(b"a,b\nNA,1\n")
    patched(tmp_path / "s.csv", tmp_path / "o.csv", [change(0, "a", None, "x")], tmp_path / "p.csv")
    apply_changes(tmp_path / "o.csv", read_changes(tmp_path / "p.csv"), tmp_path / "b.csv", revert=True)
    assert (tmp_path / "b.csv").read_bytes() == b"a,b\nNA,1\n"


TYPED = {
    "text": (pa.string(), ["a", "", None, "d"], "neu"),
    "level": (pa.dictionary(pa.int8(), pa.string()), ["x", "y", None, "x"], "z"),
    "whole": (pa.int16(), [1, 2, None, 4], 300),
    "single": (pa.float32(), [0.1, float("nan"), None, 1e20], 0.3),
    "double": (pa.float64(), [0.1, float("nan"), None, -0.0], 1 / 3),
    "flag": (pa.bool_(), [True, False, None, True], False),
    "day": (pa.date32(), [datetime.date(2024, 1, 1), None, None, None], datetime.date(1900, 2, 3)),
    "moment": (
        pa.timestamp("us", "Europe/Berlin"),
        [datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), None, None, None],
        datetime.datetime(2024, 7, 1, 1, 2, 3, 4, tzinfo=datetime.UTC),
    ),
    "price": (pa.decimal128(8, 2), [Decimal("1.50"), None, None, Decimal("2.00")], Decimal("9.90")),
}


@pytest.fixture
def parquet(tmp_path):
    columns = {name: pa.array(values, kind) for name, (kind, values, _) in TYPED.items()}
    table = pa.table(columns).replace_schema_metadata({"note": "kept"})
    writer = pq.ParquetWriter(tmp_path / "s.parquet", table.schema, compression={"text": "gzip", "whole": "none"})
    for start, stop in ((0, 1), (1, 4)):
        writer.write_table(table.slice(start, stop - start))
    writer.close()
    return tmp_path / "s.parquet"


def same(one, other):
    """Equal, NaN and sign of zero included."""
    return one.schema.equals(other.schema, check_metadata=True) and all(
        str(a.combine_chunks().to_pylist()) == str(b.combine_chunks().to_pylist())
        for a, b in zip(one.columns, other.columns, strict=True)
    )


@pytest.mark.parametrize("column", TYPED)
@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("to_missing", [False, True])
def test_a_parquet_file_goes_forth_and_back(tmp_path, parquet, column, row, to_missing):
    table = pq.read_table(parquet)
    old, new = table[column][row].as_py(), None if to_missing else TYPED[column][2]
    out, back = tmp_path / "o.parquet", tmp_path / "b.parquet"
    patched(parquet, out, [change(row, column, old, new)], tmp_path / "p.csv")
    place, values = table.column_names.index(column), table[column].to_pylist()
    values[row] = new
    expected = table.set_column(place, table.field(place), pa.array(values, table.field(place).type))
    assert same(pq.read_table(out), expected)
    apply_changes(out, read_changes(tmp_path / "p.csv"), back, revert=True)
    assert same(pq.read_table(back), table)


def test_a_parquet_file_keeps_its_row_groups_and_compression(tmp_path, parquet):
    apply_changes(parquet, [change(2, "whole", None, 7)], tmp_path / "o.parquet")
    before, after = (pq.ParquetFile(path).metadata for path in (parquet, tmp_path / "o.parquet"))
    for group in range(2):
        assert before.row_group(group).num_rows == after.row_group(group).num_rows
        columns = range(before.num_columns)
        assert [before.row_group(group).column(place).compression for place in columns] == [
            after.row_group(group).column(place).compression for place in columns
        ]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f4", ">f8", "i2", "?"])
def test_an_array_goes_forth_and_back(tmp_path, order, kind):
    X = np.asarray(np.arange(12).reshape(4, 3) % 5, dtype=kind, order=order)
    y = np.array(["p", "q", "r", "s"])
    np.save(tmp_path / "s.npy", X)
    np.savez_compressed(tmp_path / "s.npz", y=y, X=X, other=np.eye(2))
    old, new = X[2, 1].item(), not X[2, 1] if kind == "?" else 3
    for ending in ("npy", "npz"):
        source, out, back = (tmp_path / f"{name}.{ending}" for name in "sob")
        changes = [change(2, "x1", old, new, id="r" if ending == "npz" else "2")]
        patched(source, out, changes, tmp_path / "p.csv", id_column="y" if ending == "npz" else None)
        apply_changes(out, read_changes(tmp_path / "p.csv"), back, revert=True)
        loaded = [np.load(path)["X"] if ending == "npz" else np.load(path) for path in (out, back)]
        assert loaded[0][2, 1] == new
        assert loaded[0].dtype == X.dtype
        assert np.argwhere(loaded[0] != X).tolist() == [[2, 1]]
        assert np.array_equal(loaded[1], X)
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "s.npy").read_bytes()
    with np.load(tmp_path / "o.npz") as archive, zipfile.ZipFile(tmp_path / "o.npz") as packed:
        assert archive.files == ["y", "X", "other"]
        assert np.array_equal(archive["other"], np.eye(2))
        assert {entry.compress_type for entry in packed.infolist()} == {zipfile.ZIP_DEFLATED}


def test_a_missing_cell_of_an_array_is_nan_and_integers_have_none(tmp_path):
    np.save(tmp_path / "s.npy", np.array([[1.0, np.nan]]))
    patched(tmp_path / "s.npy", tmp_path / "o.npy", [change(0, "x0", 1.0, None)], tmp_path / "p.csv")
    assert np.isnan(np.load(tmp_path / "o.npy")).all()
    apply_changes(tmp_path / "s.npy", [change(0, "x1", None, 2.5)], tmp_path / "o.npy")
    assert np.load(tmp_path / "o.npy").tolist() == [[1.0, 2.5]]
    np.save(tmp_path / "s.npy", np.array([[1, 2]]))
    with pytest.raises(SourceError, match="row 0, column 'x0': an array of int64 has no missing cell"):
        apply_changes(tmp_path / "s.npy", [change(0, "x0", 1, None)], tmp_path / "o2.npy")


@pytest.fixture
def source(tmp_path):
    (tmp_path / "s.csv").write_text("name,a,b\nr0,1,2\nr1,3,4\n")
    return tmp_path / "s.csv"


REFUSED = [
    (change(0, "a", "7", "8"), r"row 0, column 'a' holds '1' where '7' is expected"),
    (change(0, "a", None, "8"), r"holds '1' where no value is expected"),
    (change(0, "c", "1", "8"), r"has no column 'c' to change; its columns are name, a, b"),
    (change(2, "a", "1", "8"), r"has 2 rows, from 0; there is no row 2"),
    (change(0, "a", "1", "8", id="r1"), r"row 0 is 'r0', not 'r1'"),
]


@pytest.mark.parametrize(("wrong", "line"), REFUSED)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_changes_of_another_file_are_refused_and_nothing_is_left(tmp_path, source, wrong, line, ending):
    path = source.with_suffix(f".{ending}")
    if ending == "parquet":
        pq.write_table(read_table(source), path)
    if wrong.id != "r1":
        wrong = change(wrong.row, wrong.column, wrong.old, wrong.new, id=f"r{wrong.row}")
    before = names(tmp_path)
    with pytest.raises(SourceError, match=line):
        apply_changes(path, [change(1, "a", "3", "5", id="r1"), wrong], tmp_path / f"o.{ending}", id_column="name")
    assert names(tmp_path) == before


def test_taking_back_what_was_not_done_is_refused(tmp_path, source):
    with pytest.raises(SourceError, match="column 'a' holds '1' where '9' is expected"):
        apply_changes(source, [change(0, "a", "1", "9")], tmp_path / "o.csv", revert=True)


def test_a_column_whose_type_changed_is_refused(tmp_path):
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "s.parquet")
    with pytest.raises(SourceError, match="row 0, column 'a' holds int64, which 'x' is not; the type has changed"):
        apply_changes(tmp_path / "s.parquet", [change(0, "a", "1", "x")], tmp_path / "o.parquet")


def test_one_cell_is_changed_once(tmp_path, source):
    twice = [change(0, "a", "1", "8"), change(0, "a", "1", "9")]
    with pytest.raises(SourceError, match="row 0, column 'a' is changed twice"):
        apply_changes(source, twice, tmp_path / "o.csv")


@pytest.mark.parametrize("ending", ["csv", "parquet", "npy"])
def test_pieces_come_by_rising_row(tmp_path, source, ending):
    path = tmp_path / f"s.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table({"a": ["1", "3"]}), path)
    if ending == "npy":
        np.save(path, np.array([[1], [3]]))
    column = "x0" if ending == "npy" else "a"
    with pytest.raises(SourceError, match="row 0 comes after row 1"), copied(path, tmp_path / f"o.{ending}") as copy:
        copy.replace([forward(change(1, column, "3", "8"))])
        copy.replace([forward(change(0, column, "1", "8"))])


def test_the_source_is_never_the_place_to_write_to(tmp_path, source):
    before = source.read_bytes()
    (tmp_path / "link.csv").symlink_to(source)
    for out in (source, tmp_path / "link.csv"):
        with pytest.raises(OutputError, match="itself"):
            apply_changes(source, [change(0, "a", "1", "9")], out)
    assert source.read_bytes() == before


def test_a_copy_has_the_form_of_its_source(tmp_path, source):
    with pytest.raises(SettingError, match=r"o\.parquet: the copy of .* has to end in \.csv as well"):
        apply_changes(source, [], tmp_path / "o.parquet")


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "npy", "npz"])
def test_a_full_disc_leaves_nothing_behind(tmp_path, disc_full_after, ending):
    path, rng = tmp_path / f"s.{ending}", np.random.default_rng(0)
    X = rng.normal(size=(20_000, 4))
    if ending.startswith("csv"):
        content = ("a,b\n" + "".join(f"{a},{b}\n" for a, b, *_ in X)).encode()
        path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    elif ending == "parquet":
        pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1]}), path)
    elif ending == "npy":
        np.save(path, X)
    else:
        np.savez(path, X=X)
    with disc_full_after(50_000), pytest.raises(OutputError, match=r"o\..* cannot be written"):
        apply_changes(path, [], tmp_path / f"o.{ending}")
    assert names(tmp_path) == [f"s.{ending}"]


def test_a_truncated_source_is_named(tmp_path):
    (tmp_path / "s.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 20_000)[:-20])
    with pytest.raises(SourceError, match=r"s\.csv\.gz: cannot be read"):
        apply_changes(tmp_path / "s.csv.gz", [], tmp_path / "o.csv.gz")
    assert names(tmp_path) == ["s.csv.gz"]


def test_a_row_with_too_few_cells_is_named(tmp_path):
    (tmp_path / "s.csv").write_text("a,b\n1\n")
    with pytest.raises(SourceError, match="row 0 has 1 cells; the header has 2"):
        apply_changes(tmp_path / "s.csv", [change(0, "a", "1", "2")], tmp_path / "o.csv")


def test_images_have_no_cells_to_list(tmp_path):
    np.save(tmp_path / "s.npy", np.zeros((3, 4, 5)))
    with pytest.raises(SourceError, match=r"holds images of shape \(3, 4, 5\)"):
        apply_changes(tmp_path / "s.npy", [], tmp_path / "o.npy")


ODD = [
    change(3, 'col "x", y', "a\r\n", "", id="é,1"),
    change(3, "b", None, 'q"q', probability=1 / 3, score_after=float("inf")),
    PatchLine(7, "7", "", "", None, 0.5, 1e-300, 2.0, '""'),
]


def test_a_list_reads_back_as_it_was(tmp_path):
    write_changes(tmp_path / "p.csv", ODD)
    assert read_changes(tmp_path / "p.csv") == [in_file(one, getattr(one, "old_exact", None)) for one in ODD]


def test_a_list_has_the_promised_columns(tmp_path):
    write_changes(tmp_path / "p.csv", ODD[1:])
    lines = (tmp_path / "p.csv").read_text().split("\n")
    assert lines[0] == "row,id,column,old,new,probability,score_before,score_after,old_exact"
    assert lines[2] == '7,7,"","",,0.5,1e-300,2,""""""'


def test_lines_may_be_taken_out_and_sorted_otherwise(tmp_path, source):
    write_changes(tmp_path / "p.csv", [change(0, "a", "1", "8"), change(1, "b", "4", "9"), change(1, "a", "3", "7")])
    head, first, second, third, _ = (tmp_path / "p.csv").read_text().split("\n")
    (tmp_path / "p.csv").write_text("\r\n".join([head, third, first]))
    apply_changes(source, read_changes(tmp_path / "p.csv"), tmp_path / "o.csv")
    assert (tmp_path / "o.csv").read_text() == "name,a,b\nr0,8,2\nr1,7,4\n"
    assert "9" in second


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "is no list of changes; it lacks row, id"),
        (b"a,b\n1,2\n", "is no list of changes; it lacks row, id, .* and has a, b"),
        (b"-1,1,a,1,2,0.5,1,1,\n", "change 1: row is '-1'; rows are whole numbers from 0"),
        (b"1,1,a,1,2,high,1,1,\n", "change 1: probability is 'high', which is no number"),
        (b"1,1,a,1,2,0.5,1,1,\n2,2,a\n", "change 2: has 3 cells; the first line names 9"),
        (b"1,1,a,\xff,2,0.5,1,1,\n", "change 1: is not UTF-8 text"),
    ],
)
def test_a_damaged_list_is_told_in_one_line(tmp_path, content, line):
    head = b"row,id,column,old,new,probability,score_before,score_after,old_exact\n"
    (tmp_path / "p.csv").write_bytes(content if content[:1] in (b"", b"a") else head + content)
    with pytest.raises(SourceError, match=line):
        read_changes(tmp_path / "p.csv")


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"none\.csv: cannot be read"):
        read_changes(tmp_path / "none.csv")


def test_a_damaged_spelling_never_reaches_the_file(tmp_path, source):
    harmful = PatchLine(0, "r0", "a", "1", "9", 0.5, 1.0, 1.0, "1,1")
    apply_changes(source, [harmful], tmp_path / "o.csv")
    with pytest.raises(SourceError, match="'1,1' is no way to write '1'; the list of changes is damaged"):
        apply_changes(tmp_path / "o.csv", [harmful], tmp_path / "b.csv", revert=True)


def test_a_list_ends_in_csv(tmp_path):
    with pytest.raises(SettingError, match=r"p\.txt: a list of changes ends in \.csv"):
        write_changes(tmp_path / "p.txt", [])


def test_a_list_that_was_not_completed_is_not_left(tmp_path):
    with pytest.raises(KeyboardInterrupt), open_patch(tmp_path / "p.csv") as patch:
        patch.write(ODD)
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_many_rows_are_copied_in_little_memory(tmp_path):
    row = b"1," + 1000 * b"2" + b"\n"
    (tmp_path / "s.csv").write_bytes(b"a,b\n" + row * 20_000)
    tracemalloc.start()
    try:
        apply_changes(tmp_path / "s.csv", [change(19_999, "a", "1", "5")], tmp_path / "o.csv")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "o.csv").read_bytes().endswith(row + b"5" + row[1:])
    assert peak < 8 * delimited.BYTES_AT_ONCE < 20_000 * len(row) / 2


@pytest.mark.parametrize("ending", ["parquet", "npy"])
def test_a_number_that_is_none_comes_back_as_it_was(tmp_path, ending):
    source, out, back = (tmp_path / f"{name}.{ending}" for name in "sob")
    if ending == "npy":
        np.save(source, np.array([[1.0], [np.nan]]))
    else:
        pq.write_table(pa.table({"x0": pa.array([1.0, float("nan")])}), source)
    patched(source, out, [change(1, "x0", None, 2.0)], tmp_path / "p.csv")
    apply_changes(out, read_changes(tmp_path / "p.csv"), back, revert=True)
    found = np.load(back)[1, 0] if ending == "npy" else pq.read_table(back)["x0"][1].as_py()
    assert found is not None
    assert np.isnan(found)
