import gzip

import pyarrow as pa
import pyarrow.parquet
import pytest

from poleward.data import tables
from poleward.data.source import open_source
from poleward.data.tables import open_rows, read_table
from poleward.errors import SourceError


def written(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize(("name", "mark"), [("t.csv", ","), ("t.csv.gz", ","), ("t.tsv", "\t"), ("T.TSV.GZ", "\t")])
def test_every_ending_is_read_as_text(tmp_path, name, mark):
    path = tmp_path / name
    content = f"a{mark}b\n01{mark}x\n1.50{mark}NA\n".encode()
    path.write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    assert read_table(path).to_pydict() == {"a": ["01", "1.50"], "b": ["x", "NA"]}


def test_a_csv_may_stand_between_semicolons(tmp_path):
    assert read_table(written(tmp_path, "a;b\n1,5;x\n")).to_pydict() == {"a": ["1,5"], "b": ["x"]}


def test_an_empty_cell_is_null(tmp_path):
    assert read_table(written(tmp_path, 'a,b\n,""\n')).to_pydict() == {"a": [None], "b": [None]}


def test_a_row_may_be_wider_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BYTES_PER_BLOCK", 1000)
    text = ",".join(f"c{column}" for column in range(999)) + "\n" + ",".join(["123456"] * 999) + "\n"
    assert read_table(written(tmp_path, text)).shape == (1, 999)


def test_a_quoted_cell_may_hold_commas_and_line_ends(tmp_path):
    assert read_table(written(tmp_path, 'a,b\n"1,\n2",3\n')).to_pydict() == {"a": ["1,\n2"], "b": ["3"]}


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path):
    assert read_table(written(tmp_path, "a\n1\n", encoding="utf-8-sig")).column_names == ["a"]


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    table = read_table(written(tmp_path, "a,b\n"))
    assert (table.column_names, len(table)) == (["a", "b"], 0)


@pytest.mark.parametrize("line", ["5", "5,6,7"])
def test_a_ragged_line_is_named(tmp_path, line):
    with pytest.raises(SourceError, match="line 4 is faulty: Expected 2 columns"):
        read_table(written(tmp_path, f"a,b\n1,2\n3,4\n{line}\n"))


def test_an_undecodable_line_is_named(tmp_path):
    with pytest.raises(SourceError, match="line 3 is faulty: invalid UTF8"):
        read_table(written(tmp_path, "a,b\n1,2\nä,4\n", encoding="latin-1"))


def test_an_undecodable_header_is_named(tmp_path):
    with pytest.raises(SourceError, match="line 1 is not UTF-8"):
        read_table(written(tmp_path, "ä,b\n1,2\n", encoding="latin-1"))


def test_two_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(SourceError, match="more than one column is called 'a'"):
        open_rows(written(tmp_path, "a,b,a\n1,2,3\n"))


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(SourceError, match="is empty"):
        open_rows(written(tmp_path, ""))


def test_a_truncated_gzip_is_named(tmp_path):
    path = written(tmp_path, "a,b\n" + "".join(f"{row},{row * 7}\n" for row in range(100_000)), "t.csv.gz")
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(SourceError, match=r"t\.csv\.gz: cannot be read"):
        read_table(path)


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"t\.parquet: cannot be read"):
        open_rows(written(tmp_path, "hello", "t.parquet"))


def test_rows_are_named_by_number_across_chunks(tmp_path):
    path = written(tmp_path, "a\n" + "12345678\n" * 300_000)
    chunks = list(open_rows(path).chunks())
    assert len(chunks) > 1
    assert [name for chunk in chunks for name in chunk.ids] == [str(row) for row in range(300_000)]


def test_rows_are_named_by_the_id_column(tmp_path):
    (chunk,) = open_rows(written(tmp_path, "a,b\nx,1\ny,2\n"), "a").chunks()
    assert list(chunk.ids) == ["x", "y"]


def test_an_empty_id_is_refused(tmp_path):
    with pytest.raises(SourceError, match="row 1 has no a"):
        list(open_rows(written(tmp_path, "a,b\nx,1\n,2\n"), "a").chunks())


def test_an_unknown_id_column_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(SourceError, match=r"no column 'c' .*a, b"):
        open_rows(written(tmp_path, "a,b\nx,1\n"), "c")


def test_parquet_columns_keep_their_types(tmp_path):
    table = pa.table({"a": [1, None], "b": [True, False], "c": ["x", "y"]})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").equals(table)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_memory_does_not_grow_with_rows(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(tables, "BYTES_PER_BLOCK", 1 << 16)
    path = tmp_path / f"t.{ending}"
    table = pa.table({"a": [str(row) * 20 for row in range(400_000)]})
    pa.parquet.write_table(table, path) if ending == "parquet" else pa.csv.write_csv(table, path)
    n_bytes = table.nbytes
    del table
    before = pa.total_allocated_bytes()
    held = max(pa.total_allocated_bytes() - before for _ in open_source(path).batches(1000))
    assert held < n_bytes / 4
