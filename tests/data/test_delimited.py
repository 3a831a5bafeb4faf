import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poleward.data import delimited
from poleward.data.delimited import cells, is_empty, records, said, written
from poleward.data.tables import read_table

TEXT = st.text(st.sampled_from("ab\", ;\t\r\n'é\u2028中"), max_size=6)


@given(st.lists(TEXT).map("".join), st.sampled_from([b",", b";", b"\t"]), st.integers(1, 5))
def test_records_joined_are_the_file_and_cells_joined_are_the_record(text, delimiter, block):
    content = text.encode()
    before, delimited.BYTES_AT_ONCE = delimited.BYTES_AT_ONCE, block
    try:
        found = list(records(io.BytesIO(content), delimiter))
    finally:
        delimited.BYTES_AT_ONCE = before
    assert b"".join(found) == content
    for record in found:
        parts, line_end = cells(record, delimiter)
        assert delimiter.join(parts) + line_end == record
        assert line_end in (b"", b"\r", b"\n", b"\r\n")


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
@example([('"x"y', '"z"z')], "\r")
def test_what_is_read_is_what_the_reader_of_tables_reads(tmp_path_factory, rows, line_end):
    path = tmp_path_factory.mktemp("d") / "t.csv"
    lines = [b",".join(written(text, b",") for text in row) for row in rows]
    content = line_end.encode().join([b"one,other", *lines])
    path.write_bytes(content)
    mine = [cells(record, b",")[0] for record in records(io.BytesIO(content), b",") if not is_empty(record)]
    table = read_table(path)
    theirs = list(zip(table["one"].to_pylist(), table["other"].to_pylist(), strict=True))
    assert [tuple(map(said, pair)) for pair in mine[1:]] == theirs
    assert theirs == [tuple(text or None for text in row) for row in rows]


@pytest.mark.parametrize(
    ("cell", "meaning"),
    [(b'"x"y', "xy"), (b'x"y"', 'x"y"'), (b'"x"y"z', 'xy"z'), (b'""""', '"'), (b' "x"', ' "x"'), (b'"x', "x")],
)
def test_odd_quoting_means_what_it_means_to_the_reader_of_tables(tmp_path, cell, meaning):
    (tmp_path / "t.csv").write_bytes(b"a,b\n1," + cell)
    assert said(cell) == meaning == read_table(tmp_path / "t.csv")["b"][0].as_py()


@given(TEXT, st.booleans())
def test_a_written_cell_is_one_cell_that_says_the_same(text, alone):
    cell = written(text, b",", alone)
    assert cells(cell + b"\n", b",") == ([cell], b"\n")
    assert said(cell) == (text or None)
    assert not (alone and is_empty(cell))
