import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from poleward.correction.constraints import Constraints
from poleward.correction.rules import parse_rules
from poleward.correction.table import MOST_COLUMNS, TableCorrector
from poleward.errors import SchemaError, SettingError

SHARED = Path(__file__).parents[3] / "shared" / "data" / "dirty_tabular"


@pytest.fixture(scope="module")
def towns():
    """400 rows: town, its code and its canton; two cells wrong, one of them by its spelling."""
    names, codes, cantons = ["bern", "basel", "zug", "genf"], ["3000", "4000", "6300", "1200"], ["BE", "BS", "ZG", "GE"]
    at = np.random.default_rng(0).integers(4, size=400)
    at[:2] = 0, 1
    columns = {"town": names, "code": codes, "canton": cantons}
    table = {name: np.array(values, object)[at] for name, values in columns.items()}
    table["town"][0], table["canton"][1] = "bxrn", "ZG"
    table["width"] = np.random.default_rng(1).normal(size=400)
    return pa.table({name: pa.array(values.tolist()) for name, values in table.items()})


@pytest.fixture(scope="module")
def corrector(towns):
    return TableCorrector.fit(towns, seed=0)


def test_misspelt_and_contradicted_cells_are_repaired_and_no_other(corrector, towns):
    mask, probability, repaired = corrector.correct(towns)
    assert np.argwhere(mask).tolist() == [[0, 0], [1, 2]]
    assert (repaired["town"][0].as_py(), repaired["canton"][1].as_py()) == ("bern", "BS")
    assert probability[mask].min() > 0.8 and probability.min() >= 0 and probability.max() <= 1


def test_untouched_columns_are_the_very_same(corrector, towns):
    repaired = corrector.correct(towns)[2]
    assert repaired.schema == towns.schema and repaired["code"] is not None
    assert repaired["code"].equals(towns["code"]) and repaired["width"].equals(towns["width"])


def test_a_piece_is_corrected_like_the_whole(corrector, towns):
    whole, part = corrector.correct(towns), corrector.correct(towns.slice(1, 7))
    assert (whole[0][1:8] == part[0]).all() and (whole[1][1:8] == part[1]).all()
    assert whole[2].slice(1, 7).equals(part[2])


def test_no_row_gives_no_row(corrector, towns):
    mask, _, repaired = corrector.correct(towns.slice(0, 0))
    assert mask.shape == (0, 4) and repaired.num_rows == 0


def test_a_corrector_survives_storage(corrector, towns):
    again = TableCorrector.restore(json.loads(json.dumps(corrector.to_manifest())), corrector.to_arrays())
    for one, other in zip(again.correct(towns), corrector.correct(towns), strict=True):
        assert one.equals(other) if isinstance(one, pa.Table) else (one == other).all()


def test_protected_columns_stay(corrector, towns):
    mask = corrector.correct(towns, Constraints(protected=("town",)))[0]
    assert np.argwhere(mask).tolist() == [[1, 2]]


def test_the_surest_changes_come_first(corrector, towns):
    mask, probability, _ = corrector.correct(towns, Constraints(max_changes=1))
    assert mask.sum() == 1 and probability[mask][0] == probability[:2].max()


def test_a_trusted_cell_stays_and_speaks_for_itself(corrector, towns):
    trusted = np.zeros((400, 4), bool)
    trusted[1, 2] = True
    mask, probability, _ = corrector.correct(towns, Constraints(trusted=trusted))
    assert not mask[1, 2] and probability[1, 2] == 0


def test_a_cell_marked_wrong_is_put_right(corrector, towns):
    emptied = towns.set_column(1, "code", pa.array([None, *towns["code"].to_pylist()[1:]], pa.string()))
    wrong = np.zeros((400, 4), bool)
    wrong[0, 1] = True
    assert not corrector.correct(emptied)[0][0, 1]
    mask, _, repaired = corrector.correct(emptied, Constraints(wrong=wrong))
    assert mask[0, 1] and repaired["code"][0].as_py() == "3000"


def test_what_a_rule_determines_is_put_in(corrector, towns):
    rules = parse_rules({"determines": [{"by": ["code"], "target": "canton"}]}).fit(towns)
    mask, _, repaired = corrector.correct(towns, Constraints(rules=rules))
    assert mask[1, 2] and repaired["canton"][1].as_py() == "BS"


def test_what_a_rule_forbids_is_not_put_in(corrector, towns):
    rules = parse_rules({"values": {"town": ["bxrn", "basel", "zug", "genf"]}}).fit(towns)
    repaired = corrector.correct(towns, Constraints(rules=rules))[2]
    assert "bern" not in repaired["town"].to_pylist()[:1]


def test_a_missing_column_is_named(corrector, towns):
    with pytest.raises(SchemaError, match="'code'"):
        corrector.correct(towns.drop_columns(["code"]))


def test_a_column_of_another_type_is_named(corrector, towns):
    with pytest.raises(SchemaError, match=r"'width'.*string.*double"):
        corrector.correct(towns.set_column(3, "width", towns["width"].cast(pa.string())))


def test_an_unknown_protected_column_is_named(corrector, towns):
    with pytest.raises(SettingError, match="nowhere"):
        corrector.correct(towns, Constraints(protected=("nowhere",)))


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": ["x", "y"], "b": [1.0, 2.0]}),
        pa.table({"a": [1.0] * 50, "b": ["x"] * 50}),
        pa.table({"a": [None, 1.0, 2.0], "b": [None, "x", "y"]}),
        pa.table({"a": pa.array([None, None], pa.string()), "b": [1, 2]}),
        pa.table({"a": pa.array([None, None], pa.string())}),
        pa.table({"a": [True, False, None] * 9, "b": [[1], [2], [3]] * 9}),
        pa.table({"a": np.arange(60).astype("datetime64[s]"), "b": pa.array(["u", "v"] * 30).dictionary_encode()}),
    ],
    ids=["two rows", "constants", "an empty row", "an empty column", "no value", "a list column", "dates"],
)
def test_odd_tables_are_left_as_they_are(table):
    mask, probability, repaired = TableCorrector.fit(table, seed=0).correct(table)
    assert not mask.any() and np.isfinite(probability).all() and repaired.equals(table)


def test_columns_of_a_wide_table_are_judged_by_themselves():
    table = pa.table(
        {f"c{column}": np.random.default_rng(column).normal(size=30) for column in range(MOST_COLUMNS + 1)}
    )
    corrector = TableCorrector.fit(table, seed=0)
    mask, _, repaired = corrector.correct(table)
    assert not corrector.conditional.networks and not mask.any() and repaired.equals(table)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared tables are absent")
def test_most_wrong_cells_of_a_real_table_are_repaired():
    from poleward.benchmark.correction import judged
    from poleward.benchmark.corruption import read_pair

    pair = read_pair(SHARED / "hospital", 1000, 0)
    mask, _, repaired = TableCorrector.fit(pair.table, seed=0).correct(pair.table)
    repair = judged(pair, mask, np.array([column.to_pylist() for column in repaired.columns], object).T)
    assert repair.precision > 0.8 and repair.recall > 0.5 and repair.damage < 0.005


def test_an_ordinal_column_is_repaired_and_stored_with_its_order(tmp_path):
    rng = np.random.default_rng(0)
    level = rng.integers(4, size=400)
    sizes = np.array(["S", "M", "L", "XL"], object)[level]
    sizes[0], sizes[1] = "XXL", ("S" if level[1] else "XL")
    table = pa.table({"size": sizes.tolist(), "width": level + 0.1 * rng.random(400), "length": 3.0 * level})
    corrector = TableCorrector.fit(table, 0, {"size": "ordinal:S<M<L<XL"})
    again = TableCorrector.restore(json.loads(json.dumps(corrector.to_manifest())), corrector.to_arrays())
    assert again.columns[0].known == ("S", "M", "L", "XL") and again.columns[0].ordered
    mask, _, repaired = again.correct(table)
    assert np.argwhere(mask).tolist() == [[0, 0], [1, 0]]
    assert repaired["size"].to_pylist()[:2] == np.array(["S", "M", "L", "XL"], object)[level[:2]].tolist()
