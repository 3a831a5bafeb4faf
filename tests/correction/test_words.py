import numpy as np
import pyarrow as pa
import pytest

from poleward.correction.spelling import nearest
from poleward.correction.words import RARER, Words, plausible

CITIES = ["bern"] * 40 + ["basel"] * 30 + ["zug"] * 29


@pytest.fixture(scope="module")
def column():
    return Words.fit("city", pa.chunked_array([[*CITIES, "bxrn"]]))


def judged(column, text, p):
    return column.read(pa.chunked_array([pa.array([text], pa.string())])).judge(np.array([p]), np.array([0]))


def test_a_value_that_the_row_expects_is_right(column):
    assert judged(column, "bern", [0.98, 0.01, 0.01]).wrong[0] < 0.01


def test_a_value_that_the_row_contradicts_is_wrong(column):
    verdict = judged(column, "zug", [0.9999, 0.0001 - 1e-9, 1e-9])
    assert verdict.wrong[0] > 0.9 and column.known[verdict.choice[0]] == "bern"


@pytest.mark.parametrize(("count", "slot"), [(8.0, 0), (9.0, -1)])
def test_a_text_is_suspected_of_meaning_only_a_value_several_times_as_frequent(count, slot):
    near = nearest(["bxrn"], ["bern"])
    assert plausible(near, np.array([count]), np.array([RARER * 8])).slot[0, 0] == slot


def test_a_misspelt_value_becomes_the_one_it_reads_like(column):
    verdict = judged(column, "bazel", [0.4, 0.3, 0.3])
    assert verdict.wrong[0] > 0.9 and column.known[verdict.choice[0]] == "basel"


def test_a_missing_cell_is_suspected_more_in_a_full_column(column):
    half = Words.fit("city", pa.chunked_array([[*CITIES, *[None] * 99]]))
    p = [0.4, 0.3, 0.3]
    assert judged(column, None, p).wrong[0] > 10 * judged(half, None, p).wrong[0]


def test_what_is_written_has_the_type_of_the_source(column):
    assert column.write(np.array([1]), np.array([np.nan]), pa.dictionary(pa.int8(), pa.string())).to_pylist() == [
        "basel"
    ]


def test_a_column_survives_storage(column):
    again = Words.restore(pa.string(), column.to_manifest(), column.to_arrays())
    p = [0.4, 0.3, 0.3]
    assert judged(again, "bazel", p).wrong.tolist() == judged(column, "bazel", p).wrong.tolist()
