import numpy as np
import pyarrow as pa
import pytest

from poleward.errors import SourceError
from poleward.explorer.columns import joined, plain_columns, read_catalogue


def test_texts_of_numbers_are_numbers():
    column = plain_columns(pa.table({"z": ["0.5", None, "1e3"]}))["z"]
    assert column.dtype == np.float64
    np.testing.assert_array_equal(column, [0.5, np.nan, 1000])


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        (["1", "x", None], ["1", "x", ""]),
        ([True, None, False], ["true", "", "false"]),
        ([None, None, None], ["", "", ""]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array([0, 1, None], pa.date32()), ["1970-01-01", "1970-01-02", ""]),
    ],
)
def test_all_else_is_text(cells, texts):
    assert plain_columns(pa.table({"c": cells}))["c"].tolist() == texts


def test_cells_that_nobody_reads_are_left_out():
    table = pa.table({"n": [[1], [2]], "b": pa.array([b"a", b"b"]), "s": [{"x": 1}, {"x": 2}], "kept": [1, 2]})
    assert list(plain_columns(table)) == ["kept"]


def test_a_catalogue_is_joined_by_id_whatever_the_folder_and_the_ending():
    rows = joined(read_catalogue(b"id,z\n2,20\n1,10\n9,90\n"), ["a/1.png", "a/2.png", "a/3.png"])
    assert rows.to_pydict() == {"z": ["10", "20", None]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name,z\na,1\n", "has no column 'id'; its columns are name, z"),
        (b"id,z\na,1\na,2\n", "names a sample more than once"),
        (b"id,z\nb,1\n", "none of the catalogue's 1 ids fits a sample"),
        (b"", "is empty"),
        (b"id,z\na\n", "catalogue.*line 2"),
        (b"\xff\xfe\x00", "catalogue.*UTF-8"),
    ],
)
def test_a_catalogue_that_cannot_be_joined_is_refused(content, said):
    with pytest.raises(SourceError, match=said) as refused:
        joined(read_catalogue(content), ["a"])
    assert "/" not in str(refused.value)
