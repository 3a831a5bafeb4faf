import numpy as np
import pyarrow as pa
import pytest

from poleward.correction.quantities import Quantities, slots_of
from poleward.correction.verdict import wrong_if_missing


@pytest.fixture(scope="module")
def ages():
    return np.random.default_rng(0).integers(17, 90, 500)


def fitted(values, kind="numeric"):
    return Quantities.fit("x", pa.chunked_array([pa.array(values)]), kind)


def test_every_number_has_a_slot(ages):
    column = fitted(ages)
    read = column.read(pa.chunked_array([pa.array([-1000, 17, 50, 10_000])]))
    assert ((read.slot >= 0) & (read.slot < column.n_slots)).all()


@pytest.mark.parametrize("kind", [pa.int16(), pa.float32(), pa.string(), pa.large_string()])
def test_what_is_written_has_the_type_of_the_source(ages, kind):
    column = Quantities.fit("x", pa.chunked_array([pa.array(ages).cast(pa.int16()).cast(kind)]), "numeric")
    new = column.write(np.array([0]), np.array([np.nan]), kind)
    assert new.type == kind and float(new[0].as_py()) in ages


def test_a_number_that_the_row_contradicts_is_wrong(ages):
    column = fitted(ages)
    p = np.full((1, column.n_slots), 1e-9)
    p[0, 3] = 1.0
    verdict = column.read(pa.chunked_array([pa.array([column.typical[9] * 0 + 88])])).judge(p, np.array([0]))
    assert verdict.wrong[0] > 0.9 and verdict.choice[0] == 3


def test_however_a_row_contradicts_a_number_it_may_mislead(ages):
    column = fitted(ages)
    elsewhere = np.eye(column.n_slots)[[3]]
    assert 0.9 < column.read(pa.chunked_array([pa.array([50])])).judge(elsewhere, np.array([0])).wrong[0] < 0.99


def test_a_text_among_numbers_is_wrong_and_reads_like_one_of_them():
    column = fitted(["35233"] * 40 + ["35150"] * 60)
    p = np.full((1, column.n_slots), 1 / column.n_slots)
    verdict = column.read(pa.chunked_array([pa.array(["3x233"])])).judge(p, np.array([0]))
    assert verdict.wrong[0] == 1 and column.write(verdict.choice, verdict.number, pa.string()).to_pylist() == ["35233"]


def test_an_atom_and_its_neighbours_lie_in_different_slots():
    slots = slots_of(np.array([4.9, 5.0, 5.1]), np.array([5.0]), np.array([0.0, 10.0]))
    assert slots[0] == slots[2] != slots[1]


def test_dates_are_quantities():
    days = pa.array(np.arange(300).astype("datetime64[D]"))
    column = Quantities.fit("day", pa.chunked_array([days]), "date")
    assert column.write(np.array([column.n_slots // 2]), np.array([np.nan]), pa.date32())[0].as_py() in days.to_pylist()


def test_a_column_survives_storage(ages):
    column = fitted(ages)
    again = Quantities.restore(pa.int64(), column.to_manifest(), column.to_arrays())
    slots = np.arange(column.n_slots)
    one, other = (each.write(slots, np.full(len(slots), np.nan), pa.int64()) for each in (again, column))
    assert one == other


def test_an_empty_cell_is_suspected_less_where_many_are_empty():
    assert wrong_if_missing(0.01, 10) > wrong_if_missing(0.5, 10)


@pytest.mark.parametrize(
    ("values", "kind", "number", "written"),
    [
        (["12.50", "13.25", "11.75"] * 9, pa.string(), 12.5, "12.50"),
        (["12", "13.25", "11.7"] * 9, pa.string(), 12.5, "12.5"),
        ([1, 2, 3] * 9, pa.int8(), 2.0, 2),
        ([0.25, 0.5, 1.0] * 9, pa.float32(), 0.75, 0.75),
    ],
)
def test_a_number_is_written_like_those_of_its_column(values, kind, number, written):
    column = Quantities.fit("x", pa.chunked_array([pa.array(values, kind)]), "numeric")
    assert column.write(np.array([0]), np.array([number]), kind).to_pylist() == [written]


def test_a_number_in_another_unit_is_brought_back():
    weights = np.random.default_rng(0).normal(80, 12, 600).round(1)
    column = fitted(np.where(np.arange(600) % 20 == 0, weights * 1000, weights))
    read = column.read(pa.chunked_array([pa.array([74_500.0])]))
    verdict = read.judge(np.broadcast_to(column.share, (1, column.n_slots)), np.array([0]))
    assert verdict.wrong[0] > 0.9 and verdict.number[0] == 74.5


def test_of_two_numbers_that_only_faults_explain_the_one_that_the_row_contradicts_less_is_suspected_less():
    rng = np.random.default_rng(0)
    column = fitted(np.concatenate([rng.normal(size=1960), rng.uniform(-200, 200, 40)]).round(3))
    read = column.read(pa.chunked_array([pa.array([120.0, 120.0])]))
    p = np.stack([column.share, column.share])
    p[:, read.slot[0]] /= 2, 8
    less, more = 1 - read.judge(p / p.sum(1, keepdims=True), np.arange(2)).wrong
    assert 0.001 > less > 1.3 * more > 0


def test_a_number_is_more_evidence_where_the_row_foretells_it(ages):
    column = fitted(ages)
    read = column.read(pa.chunked_array([pa.array([50, 50])]))
    p = np.stack([column.share, column.share])
    p[1, read.slot[1]] *= 4
    evidence = read.judge(p / p.sum(1, keepdims=True), np.arange(2)).evidence
    assert evidence[1] - evidence[0] > 0.8


def test_what_is_said_of_rare_numbers_is_averaged_with_their_neighbours_and_of_frequent_ones_and_codes_it_is_not():
    values = np.repeat([1.0, 2.0, 3.0, 40.0, 80.0], [100, 20, 20, 20, 20])
    column = Quantities.fit("x", pa.chunked_array([values]), "numeric")
    weights = {value: column.beside[:5, at].round(3).tolist() for at, value in enumerate([1, 2, 3, 40, 80])}
    assert weights[1] == [1, 0, 0, 0, 0] and weights[40] == [0, 0, 0, 1, 0]
    assert weights[2] == [0.25, 0.5, 0.25, 0, 0]
    assert np.allclose(column.beside.sum(0), 1)


def test_of_two_numbers_between_typical_values_the_row_speaks_for_the_one_nearer_to_what_it_foretells():
    column = fitted(np.random.default_rng(0).normal(size=2000))
    low, high = np.argsort(column.typical, kind="stable")[10:12]
    shares = np.array([[0.75, 0.25], [0.25, 0.75]])
    numbers = column.form.scale.restore(shares @ column.typical[[low, high]])
    read = column.read(pa.chunked_array([pa.array(numbers)]))
    assert read.sides.tolist() == [[low, low], [high, high]] and np.allclose(read.nearness, shares[:, 1])
    p = column.share.copy()
    p[low], p[high] = 8 * p[low], p[high] / 8
    near, far = read.judge(np.stack([p, p]) / p.sum(), np.arange(2)).wrong
    assert near < 0.9 * far


def test_a_frequent_number_is_believed_to_follow_from_the_row_by_itself():
    column = fitted(np.repeat([10.0, 20.0, 31.0], [40, 40, 40]))
    numbers = column.form.scale.prepare(np.array([20.0, 24.0]))
    sides, nearness = column.sides_of(numbers, column.slot_of(numbers))
    assert (sides[0] == sides[1]).all() and not nearness.any() and sides[0, 0] == 1


def test_a_value_among_few_is_put_in_only_if_it_is_surely_the_one():
    column = fitted(np.repeat([1.0, 2.0, 3.0], [100, 100, 100]))
    p = np.array([[1e-6, 0.5, 0.5, *np.full(column.n_slots - 3, 1e-9)]])
    verdict = column.read(pa.chunked_array([pa.array([1.0])])).judge(p / p.sum(), np.array([0]))
    assert verdict.wrong[0] > 0.9 and abs(verdict.support[0] - verdict.wrong[0] / 2) < 0.01
