import numpy as np
import pyarrow as pa
import pytest

from poleward.correction.constraints import Constraints
from poleward.correction.knowledge import Given
from poleward.correction.swaps import Swap, found_swaps
from poleward.correction.table import TableCorrector, fit_columns, shows_more

SWAPPED = np.arange(800) % 16 == 0


def put_in_each_others_place(one, other):
    return np.where(SWAPPED, other, one), np.where(SWAPPED, one, other)


@pytest.fixture(scope="module")
def numbers():
    """Two lengths with one law, each measured three times; the first are in each other's place in some rows."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(2, 800))
    width, height = put_in_each_others_place(*true)
    columns = {"width": width, "height": height}
    for time in ("second", "third"):
        for name, values in zip(("width", "height"), true, strict=True):
            columns[f"{time} {name}"] = values + 0.1 * rng.normal(size=800)
    return pa.table({name: values.round(3) for name, values in columns.items()})


@pytest.fixture(scope="module")
def fitted(numbers):
    return TableCorrector.fit(numbers, seed=0)


def test_a_swap_is_found_that_only_the_rest_of_the_row_gives_away(numbers, fitted):
    assert found_swaps(fit_columns(numbers, {}), numbers) == ()
    (swap,) = fitted.swaps
    assert swap.pair == [0, 1] and 0.03 < swap.share < 0.08


def test_swapped_cells_come_back_and_no_others_are_touched(numbers, fitted):
    mask, probability, repaired = fitted.correct(numbers)
    width, height = numbers["width"].to_numpy(), numbers["height"].to_numpy()
    back = SWAPPED & (abs(width - height) > 1)
    assert mask[back][:, :2].mean() > 0.9 and mask[~SWAPPED].mean() < 0.005
    assert (repaired["width"].to_numpy()[back] == height[back]).mean() > 0.9
    assert np.median(probability[back][:, :2]) > 0.99


def test_a_trusted_cell_is_not_exchanged(numbers, fitted):
    row = np.flatnonzero(SWAPPED & fitted.correct(numbers)[0][:, :2].all(1))[0]
    trusted = np.zeros((800, 6), bool)
    trusted[row, 1] = True
    repaired = fitted.correct(numbers, Constraints(trusted=trusted))[2]
    assert repaired["height"][row] == numbers["height"][row] and repaired["width"][row] != numbers["height"][row]


def test_a_row_is_judged_alike_beside_others_and_alone(numbers, fitted):
    row = int(np.flatnonzero(SWAPPED)[3])
    alone, beside = (fitted.correct(table) for table in (numbers.slice(row, 1), numbers))
    assert np.array_equal(alone[1][0], beside[1][row]) and np.array_equal(alone[0][0], beside[0][row])


def test_texts_are_exchanged_as_numbers_are():
    rng = np.random.default_rng(1)
    names = np.array(["Bern", "Basel", "Zug", "Chur", "Genf"])
    codes = np.array(["B3", "B4", "Z6", "C7", "G1"])
    start, end = rng.integers(5, size=(2, 800))
    origin, goal = put_in_each_others_place(names[start], names[end])
    table = pa.table(
        {
            "origin": origin,
            "from": codes[start],
            "post": start.astype(str),
            "goal": goal,
            "to": codes[end],
            "mail": end.astype(str),
        }
    )
    fitted = TableCorrector.fit(table, seed=0)
    repaired = fitted.correct(table)[2]
    told = SWAPPED & (start != end)
    assert [swap.pair for swap in fitted.swaps] == [[0, 3]]
    assert (np.array(repaired["origin"].to_pylist())[told] == names[start][told]).mean() > 0.9


def test_columns_that_hold_their_own_are_not_exchanged():
    rng = np.random.default_rng(2)
    z = rng.normal(size=800)
    table = pa.table({name: (z + 0.5 * rng.normal(size=800)).round(2) for name in "abcd"})
    assert TableCorrector.fit(table, seed=0).swaps == ()


def test_what_is_known_of_two_columns_is_put_aside():
    mask = np.ones((1, 3), bool)
    given = Given(mask, mask, mask, {(0, 0): 1, (0, 2): 2}, [0, 1, 2], None).without([0, 1])
    assert given.wrong.tolist() == given.trusted.tolist() == given.broken.tolist() == [[False, False, True]]
    assert given.proposals == {(0, 2): 2} and mask.all()


def test_it_learns_again_only_where_the_rows_show_more():
    assert shows_more([Swap(0, 1, 0.05)], [Swap(0, 1, 0.02)]) and not shows_more([], [Swap(0, 1, 0.02)])
