import numpy as np
import pyarrow as pa
import pytest

from poleward.correction.swaps import found_swaps
from poleward.correction.table import TableCorrector, fit_columns


@pytest.fixture(scope="module")
def table():
    """600 rows of an age, an income and a town; age and income are swapped in every twentieth row."""
    rng = np.random.default_rng(0)
    age, income = rng.integers(18, 80, 600), rng.integers(200, 900, 600) * 100
    swapped = np.arange(600) % 20 == 0
    columns = {"age": np.where(swapped, income, age), "income": np.where(swapped, age, income)}
    return pa.table({name: pa.array(values) for name, values in columns.items()} | {"town": ["Bern", "Zug"] * 300})


def test_columns_swapped_in_some_rows_are_found(table):
    (swap,) = found_swaps(fit_columns(table, {}), table)
    assert (swap.first, swap.second) == (0, 1) and 0.03 < swap.share < 0.07


def test_swapped_cells_are_put_back(table):
    mask, _, repaired = TableCorrector.fit(table, seed=0).correct(table)
    assert mask[::20, :2].sum() > 52 and mask[np.arange(600) % 20 > 0].mean() < 0.01
    assert repaired["age"][0].as_py() == table["income"][0].as_py()


def test_a_swapped_cell_that_is_trusted_stays_with_its_partner(table):
    from poleward.correction.constraints import Constraints

    trusted = np.zeros((600, 3), bool)
    trusted[0, 1] = True
    repaired = TableCorrector.fit(table, seed=0, network=False).correct(table, Constraints(trusted=trusted))[2]
    assert repaired["income"][0] == table["income"][0] and repaired["age"][0].as_py() != table["income"][0].as_py()


def test_columns_that_only_look_alike_are_not_swapped():
    numbers = np.random.default_rng(1).normal(size=(600, 2)).round(2)
    table = pa.table({"a": numbers[:, 0], "b": numbers[:, 1]})
    assert found_swaps(fit_columns(table, {}), table) == ()
