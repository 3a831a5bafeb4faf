import json
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.data.columns import IDENTIFIER_LEVELS, MAX_LEVELS, MISSING_TOKENS, TablePreparation
from poleward.errors import SchemaError, SettingError, SourceError

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda d: d.replace(microsecond=0))
CELLS = {
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int64(): st.integers(-(10**9), 10**9),
    pa.float64(): st.floats(-1e9, 1e9, allow_subnormal=False),
    pa.float32(): st.floats(-1e9, 1e9, width=32, allow_subnormal=False),
    pa.decimal128(9, 2): st.decimals(-9999, 9999, places=2),
    pa.bool_(): st.booleans(),
    pa.string(): st.sampled_from(["red", " blue", "grün", "a,b", "x"]),
    pa.large_string(): st.integers(-(10**9), 10**9).map(str),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["red", "blue"]),
    pa.date32(): st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    pa.timestamp("ms"): MOMENTS,
    pa.timestamp("ns", "Europe/Berlin"): MOMENTS.map(lambda d: d.replace(tzinfo=UTC)),
}


@st.composite
def tables(draw):
    types = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    n = draw(st.integers(2, 12))
    columns = [draw(st.lists(st.none() | CELLS[kind], min_size=n, max_size=n)) for kind in types]
    names = [f"column {number}" for number in range(len(types) + 1)]
    return pa.table([pa.array(range(n)), *map(pa.array, columns, types)], names=names)


def of(**columns):
    return pa.table(columns)


def fitted(**columns):
    return TablePreparation().fit(of(**columns))


def kinds(preparation):
    return {column.name: column.kind for column in preparation.columns}


@given(tables())
def test_decoding_undoes_encoding_wherever_a_cell_was_observed(table):
    preparation = TablePreparation().fit(table)
    decoded = preparation.decode(preparation.encode(table).values)
    assert decoded.schema.equals(table.select(decoded.column_names).schema)
    for name in decoded.column_names:
        pairs = [
            (a, b) for a, b in zip(table[name].to_pylist(), decoded[name].to_pylist(), strict=True) if a is not None
        ]
        if pa.types.is_floating(table[name].type):
            before, after = np.array(pairs).T
            np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9 * np.abs(before).max())
        else:
            assert [a for a, _ in pairs] == [b for _, b in pairs]


@given(tables(), st.randoms(use_true_random=False))
def test_each_row_is_encoded_by_itself(table, random):
    rows = random.sample(range(table.num_rows), random.randint(1, table.num_rows))
    preparation = TablePreparation().fit(table)
    whole, some = preparation.encode(table), preparation.encode(table.take(rows))
    np.testing.assert_array_equal(some.values, whole.values[rows])
    seen = [np.ones(f.values.shape, bool) if f.observed is None else f.observed for f in (whole, some)]
    np.testing.assert_array_equal(seen[1], seen[0][rows])


@given(tables())
def test_a_manifest_that_went_through_json_encodes_the_same(table):
    preparation = TablePreparation().fit(table)
    manifest = json.loads(json.dumps(preparation.to_manifest(), allow_nan=False))
    again = TablePreparation.from_manifest(manifest)
    np.testing.assert_array_equal(again.encode(table).values, preparation.encode(table).values)
    assert again.decode(preparation.encode(table).values).equals(preparation.decode(preparation.encode(table).values))
    assert (again.blocks, again.describe(), again.has_missing) == (
        preparation.blocks,
        preparation.describe(),
        preparation.has_missing,
    )


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=2, max_size=50).filter(lambda x: len(set(x)) > 1))
def test_a_numeric_column_has_mean_0_and_variance_1_over_training(x):
    values = fitted(x=x).encode(of(x=x)).values
    assert values.mean() == pytest.approx(0, abs=1e-6)
    assert values.var() == pytest.approx(1, rel=1e-6)


def test_every_column_is_told_apart_by_its_cells():
    preparation = fitted(
        typed=[1, 2],
        written=[" 1.5", "2e3 "],
        flag=[True, False],
        word=["yes", "no"],
        group=pa.array(["1", "2"]).dictionary_encode(),
        sizes=pa.array([1, 2]).dictionary_encode(),
        day=["2024-05-01", "2024-05-02"],
        moment=["2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00"],
        typed_day=[date(2024, 5, 1), date(2024, 5, 2)],
    )
    assert kinds(preparation) == {
        **dict.fromkeys(("typed", "written", "group"), "numeric"),
        **dict.fromkeys(("flag", "word", "sizes"), "categorical"),
        **dict.fromkeys(("day", "moment", "typed_day"), "date"),
    }


def test_types_overrule_what_the_cells_suggest():
    table = of(code=[1, 2, 1], kept=[1, 2, 3], dropped=[1, 2, 3])
    preparation = TablePreparation({"code": "categorical", "dropped": "ignore"}).fit(table)
    assert kinds(preparation) == {"code": "categorical", "kept": "numeric"}
    assert preparation.decode(preparation.encode(table).values).equals(table.drop_columns(["dropped"]))


def test_an_unknown_type_is_refused():
    with pytest.raises(
        SettingError, match="'x' is asked to be 'number'; accepted are numeric, categorical, ordinal, date, ignore"
    ):
        TablePreparation({"x": "number"})


def test_a_type_for_a_column_that_is_not_there_is_refused():
    with pytest.raises(SettingError, match="types names 'y'; the columns are 'x'"):
        TablePreparation({"y": "numeric"}).fit(of(x=[1, 2]))


def test_a_column_asked_to_be_numeric_must_hold_numbers():
    with pytest.raises(SchemaError, match="column 'x', row 2: 'two' found where the model reads numbers"):
        TablePreparation({"x": "numeric"}).fit(of(x=["1", "two"]))


@pytest.mark.parametrize("token", [*MISSING_TOKENS, " NA ", None])
def test_a_missing_token_is_an_unobserved_cell(token):
    features = fitted(x=["1", "3"], c=["a", "b"]).encode(of(x=[token, "3"], c=["a", token]))
    np.testing.assert_array_equal(features.values, [[0, 1, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(features.observed, [[False, True, True, True], [True, False, False, False]])


def test_missing_cells_take_no_part_in_the_scale():
    gappy = fitted(x=[1.0, None, 2.0, float("nan"), 6.0])
    whole = fitted(x=[1.0, 2.0, 6.0])
    assert gappy.columns == whole.columns
    assert (gappy.has_missing, whole.has_missing) == (True, False)


def test_observed_is_none_where_nothing_is_missing():
    assert fitted(x=[1, 2]).encode(of(x=[5])).observed is None


def test_a_level_never_seen_has_its_own_slot_and_decodes_to_an_empty_cell():
    preparation = fitted(c=["a", "b"])
    features = preparation.encode(of(c=["z"]))
    assert features.values.tolist() == [[0, 0, 1]]
    assert features.observed is None
    assert preparation.decode(features.values)["c"].to_pylist() == [None]


def test_categories_decode_to_the_most_probable_level():
    preparation = fitted(c=["a", "b"])
    assert preparation.decode(np.array([[0.5, 0.4, 0.1], [0.3, 0.6, 0.1]]))["c"].to_pylist() == ["a", "b"]


def test_a_heavy_tail_goes_through_asinh():
    x = [*range(100), 10_000.0]
    preparation = fitted(x=x)
    assert preparation.columns[0].scale.stretch == "asinh"
    assert preparation.encode(of(x=x)).values.max() < 10
    assert "Heavy-tailed, scaled through asinh: x." in preparation.describe()


def test_a_light_tail_stays_linear():
    assert fitted(x=list(range(100))).columns[0].scale.stretch == "linear"


def test_a_changed_constant_stands_out():
    preparation = fitted(x=[0.1, 0.1, 0.1], y=[1, 2, 3])
    assert preparation.encode(of(x=[0.1, 5.1], y=[2, 2])).values[:, 0] == pytest.approx([0, 5])
    assert "Constant in training, kept: x." in preparation.describe()


def test_mostly_one_value_falls_back_to_the_standard_deviation():
    assert fitted(x=[0.0] * 8 + [-5.0, 5.0]).columns[0].scale.spread == pytest.approx(np.sqrt(5))


def test_a_column_without_a_value_is_left_out_and_said():
    preparation = fitted(x=[1, 2], empty=[None, None], blank=["", "NA"], nan=[float("nan")] * 2)
    assert kinds(preparation) == {"x": "numeric"}
    assert "Left out: blank (no value in training)." in preparation.describe()


def test_identifier_like_text_is_left_out_and_said():
    n = 2 * IDENTIFIER_LEVELS
    preparation = fitted(x=list(range(n)), id=[f"row {i}" for i in range(n)])
    assert kinds(preparation) == {"x": "numeric"}
    assert preparation.describe()[-1] == "Left out: id (identifier-like: 200 distinct values in 200 rows)."


@pytest.mark.parametrize(
    ("n_levels", "n_rows", "kept"),
    [
        (IDENTIFIER_LEVELS, IDENTIFIER_LEVELS, True),
        (IDENTIFIER_LEVELS + 1, IDENTIFIER_LEVELS + 1, False),
        (IDENTIFIER_LEVELS + 1, 3 * IDENTIFIER_LEVELS, True),
        (MAX_LEVELS, 3 * MAX_LEVELS, True),
        (MAX_LEVELS + 1, 3 * MAX_LEVELS, False),
    ],
)
def test_few_levels_among_many_rows_are_categories(n_levels, n_rows, kept):
    preparation = fitted(x=list(range(n_rows)), c=[f"level {i % n_levels}" for i in range(n_rows)])
    assert ("c" in kinds(preparation)) is kept


def test_columns_of_other_types_are_left_out_and_said():
    preparation = fitted(x=[1, 2], nested=[[1], [2]])
    assert preparation.describe()[-1].startswith("Left out: nested (cells of type list<")


def test_a_table_in_which_nothing_varies_is_refused():
    with pytest.raises(SourceError, match=r"nothing varies.*Constant in training, kept: x, c"):
        fitted(x=[1, 1, None], c=["a", "a", "a"])


def test_a_table_of_identifiers_only_is_refused():
    with pytest.raises(SourceError, match=r"nothing varies.*Left out: id"):
        fitted(id=[f"row {i}" for i in range(300)])


def test_an_empty_table_is_refused():
    with pytest.raises(SourceError, match="0 rows of 1 columns"):
        fitted(x=pa.array([], pa.float64()))


@pytest.mark.parametrize("cells", [[1.0, float("inf")], ["1", "-inf"], [1.0, 1.8e308]])
def test_an_infinite_number_is_named(cells):
    with pytest.raises(SourceError, match=r"column 'x', row 2: .* is infinite or beyond"):
        fitted(x=cells)
    with pytest.raises(SourceError, match="column 'x', row 2"):
        fitted(x=[1.0, 2.0]).encode(of(x=cells))


def test_a_text_in_a_numeric_column_is_named():
    with pytest.raises(SchemaError, match="column 'x', row 3: 'tall' found where the model reads numbers"):
        fitted(x=[1, 2]).encode(of(x=["1", "", "tall"]))


def test_a_text_in_a_date_column_is_named():
    with pytest.raises(SchemaError, match="column 'x', row 2: 'soon' found where the model reads dates"):
        fitted(x=["2024-05-01", "2024-05-02"]).encode(of(x=["2024-05-01", "soon"]))


def test_dates_with_and_without_a_zone_do_not_mix():
    with pytest.raises(SchemaError, match="row 2: '2024-05-01T10:00:00Z'"):
        fitted(x=["2024-05-01", "2024-05-02"]).encode(of(x=["2024-05-01", "2024-05-01T10:00:00Z"]))


@pytest.mark.parametrize(
    ("trained", "given_cells"),
    [([1, 2], [datetime(2024, 5, 1)]), ([date(2024, 5, 1), date(2024, 5, 2)], [1]), (["a", "b"], [[1]])],
)
def test_cells_of_another_type_are_refused(trained, given_cells):
    with pytest.raises(SchemaError, match=r"column 'x' holds .*; the model reads"):
        fitted(x=trained).encode(of(x=given_cells))


def test_typed_and_written_cells_encode_alike():
    preparation = fitted(x=[1, 2, 4], c=["1", "2", "x"], d=[date(2024, 5, 1), date(2024, 5, 2), date(2024, 5, 9)])
    typed = preparation.encode(of(x=[4.0], c=[2], d=[datetime(2024, 5, 9)]))
    written = preparation.encode(of(x=["4"], c=["2"], d=["2024-05-09"]))
    np.testing.assert_array_equal(typed.values, written.values)


def test_missing_columns_are_listed():
    with pytest.raises(SchemaError, match="2 of the model's 3 columns are missing: 'a', 'c'"):
        fitted(a=[1, 2], b=[1, 2], c=[1, 2]).encode(of(b=[1]))


def test_columns_beside_the_models_are_passed_over_in_any_order():
    preparation = fitted(a=[1, 2], b=[5, 7])
    expected = preparation.encode(of(a=[1], b=[7])).values
    np.testing.assert_array_equal(preparation.encode(of(b=[7], more=["text"], a=[1])).values, expected)


def test_two_columns_of_one_name_are_refused():
    twice = pa.table([[1, 2], [3, 4]], names=["x", "x"])
    with pytest.raises(SourceError, match="more than one column is named 'x'"):
        TablePreparation().fit(twice)
    with pytest.raises(SchemaError, match="more than one column is named 'x'"):
        fitted(x=[1, 2]).encode(twice)


@pytest.mark.parametrize(
    "cells",
    [
        ["7", "-12", "300"],
        ["0.1", "5.123", "-2.5"],
        ["2024-05-01", "1999-12-31", "2030-01-01"],
        ["2024-05-01T10:00:00", "2024-05-01T10:00:07", "2024-05-02T00:00:00"],
        ["2024-05-01 10:00:00Z", "2024-05-01 11:00:00Z", "2024-05-02 00:00:00Z"],
        ["2024-05-01T10:00:00.125", "2024-05-01T10:00:00.250", "2024-05-01T10:00:00.000"],
    ],
)
def test_text_decodes_to_the_same_text(cells):
    preparation = fitted(x=cells)
    assert preparation.decode(preparation.encode(of(x=cells)).values)["x"].to_pylist() == cells


@pytest.mark.parametrize(
    ("type", "cells", "lowest", "highest"),
    [
        (pa.uint8(), [1, 2], 0, 255),
        (pa.int64(), [1, 2], -(2**63), 2**63 - 1024),
        (pa.decimal128(4, 2), [Decimal("1.00"), Decimal("2.00")], Decimal("-99.99"), Decimal("99.99")),
        (pa.date32(), [date(2024, 5, 1), date(2024, 5, 2)], date(1, 1, 1), date(9999, 12, 31)),
        (pa.string(), ["1", "2"], str(-(2**63)), str(2**63 - 1024)),
    ],
)
def test_decoded_values_stay_within_their_type(type, cells, lowest, highest):  # noqa: A002
    preparation = fitted(x=pa.array(cells, type))
    decoded = preparation.decode(np.array([[-1e300], [1e300]]))["x"]
    assert decoded.type == type
    assert decoded.to_pylist() == [lowest, highest]


def test_integers_are_rounded():
    preparation = fitted(x=[0, 2])
    assert preparation.decode(np.array([[0.3], [0.8]]))["x"].to_pylist() == [1, 2]


def test_single_precision_values_decode_as_well():
    preparation = fitted(x=[0, 2], c=["a", "b"])
    values = preparation.encode(of(x=[2], c=["b"])).values.astype(np.float32)
    assert preparation.decode(values).to_pylist() == [{"x": 2, "c": "b"}]


def test_blocks_lie_side_by_side():
    preparation = fitted(a=[1, 2], c=["x", "y"], b=["2024-05-01", "2024-05-02"])
    assert [(b.name, b.kind, b.start, b.width) for b in preparation.blocks] == [
        ("a", "numeric", 0, 1),
        ("c", "categorical", 1, 3),
        ("b", "numeric", 4, 1),
    ]
    assert preparation.shape == (5,)


def test_no_row_encodes_to_no_row():
    preparation = fitted(x=[1, 2], c=["a", "b"])
    empty = of(x=pa.array([], pa.int64()), c=pa.array([], pa.string()))
    assert preparation.encode(empty).values.shape == (0, 4)
    assert preparation.decode(np.empty((0, 4))).num_rows == 0


def test_polars_views_of_text_are_read():
    cells = pa.array(["a", None, "b"], pa.string_view())
    preparation = fitted(c=cells)
    assert preparation.decode(preparation.encode(of(c=cells)).values)["c"].type == pa.string_view()


def test_what_squeezes_a_heavy_column_can_be_undone():
    heavy = np.random.default_rng(0).lognormal(0, 3, 200)
    table = pa.table({"kind": ["a", "b"] * 100, "heavy": heavy, "light": np.arange(200.0)})
    preparation = TablePreparation().fit(table)
    is_asinh, mean, deviation = preparation.squeezed
    at = {block.name: block.start for block in preparation.blocks}
    assert is_asinh.sum() == 1 and is_asinh[at["heavy"]] == 1
    cells = preparation.encode(table).values[:, at["heavy"]]
    back = np.sinh(cells * deviation[at["heavy"]] + mean[at["heavy"]])
    assert np.corrcoef(back, heavy)[0, 1] == pytest.approx(1.0)


def test_levels_in_a_stated_order_are_their_ranks():
    table = of(size=["large", "small", None, "medium", " small "])
    preparation = TablePreparation({"size": "ordinal:small<medium<large"}).fit(table)
    v = preparation.encode(table).values[:, 0]
    assert v[1] == v[4] < v[3] < v[0] and v[0] - v[3] == pytest.approx(v[3] - v[1])
    assert preparation.decode(preparation.encode(table).values)["size"].to_pylist()[:2] == ["large", "small"]
    assert preparation.describe()[0] == "Ordinal: size (small < medium < large)."


def test_numbers_are_ordinal_by_themselves_and_words_only_if_their_order_is_said():
    grades = of(grade=["10", "2", "2", "1"])
    assert TablePreparation({"grade": "ordinal"}).fit(grades).columns[0].levels == ("1", "2", "10")
    with pytest.raises(SettingError, match=r"'size'.*say their order: size=ordinal:large < small"):
        TablePreparation({"size": "ordinal"}).fit(of(size=["small", "large"]))


def test_an_ordered_dictionary_keeps_its_order():
    levels = pa.array(["low", "mid", "high"])
    column = pa.DictionaryArray.from_arrays(pa.array([2, 0, 1, 0]), levels, ordered=True)
    preparation = TablePreparation().fit(of(grade=column))
    assert preparation.columns[0].levels == ("low", "mid", "high")
    again = TablePreparation.from_manifest(json.loads(json.dumps(preparation.to_manifest())))
    assert again.decode(again.encode(of(grade=column)).values)["grade"].to_pylist() == ["high", "low", "mid", "low"]


def test_a_level_that_is_not_in_the_order_lies_far_beyond_it():
    table = of(size=["small", "large"] * 5)
    preparation = TablePreparation({"size": "ordinal:small<large"}).fit(table)
    assert preparation.encode(of(size=["large", "smal"])).values.ravel() == pytest.approx([1, 5])


@pytest.mark.parametrize("stated", ["ordinal:small", "ordinal:a<a", "ordinal:a<<b", "date:a<b", "ordered"])
def test_a_kind_or_an_order_that_cannot_be_is_refused(stated):
    with pytest.raises(SettingError, match="size"):
        TablePreparation({"size": stated})


def test_an_order_of_levels_that_do_not_occur_is_refused():
    with pytest.raises(SettingError, match=r"'size' holds none of the levels S < L"):
        TablePreparation({"size": "ordinal:S<L"}).fit(of(size=["small", "large"]))
