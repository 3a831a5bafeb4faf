from dataclasses import replace

import numpy as np
import pytest

from poleward.correction.conditional import CHUNK, FEWEST_ROWS, Conditional, Layout, Order, Shown, steps


@pytest.fixture(scope="module")
def rows():
    """Column 1 repeats column 0, column 2 is random; one row in twenty contradicts itself."""
    rng = np.random.default_rng(0)
    first = rng.integers(3, size=600)
    second = np.where(rng.random(600) < 0.05, (first + 1) % 3, first)
    return np.stack([first, second, rng.integers(4, size=600)], 1)


@pytest.fixture(scope="module")
def learned(rows):
    return Conditional.fit(Layout.of([3, 3, 4]), Shown(rows, np.zeros(rows.shape)), rows, seed=0)


def test_a_column_that_follows_from_another_is_foretold(learned):
    shown = Shown(np.array([[2, 0, 1]]), np.zeros((1, 3)))
    assert learned.probabilities(shown)[1][0].argmax() == 2


def test_a_value_is_as_likely_as_the_network_says_that_believes_in_it_less(learned):
    shown = Shown(np.array([[2, 0, 1]]), np.zeros((1, 3)))
    sure = replace(learned, trust=np.ones(3))
    both, *each = (replace(sure, networks=networks) for networks in (sure.networks, *((one,) for one in sure.networks)))
    together, f, g = (one.probabilities(shown)[1][0] for one in (both, *each))
    assert not np.allclose(f, g)
    assert np.allclose(together, np.minimum(f, g) / np.minimum(f, g).sum())


def test_a_column_that_follows_from_nothing_keeps_its_frequencies(learned):
    shown = Shown(np.array([[2, 2, 1]]), np.zeros((1, 3)))
    frequency = learned.frequency[learned.layout.ranges[2]]
    assert np.abs(learned.probabilities(shown)[2][0] - frequency).max() < 0.1


def test_probabilities_sum_to_one(learned, rows):
    for p in learned.probabilities(Shown(rows[:7], np.zeros((7, 3)))):
        assert np.allclose(p.sum(1), 1)


def test_a_cell_has_no_say_in_its_own_probability(learned):
    one, other = (learned.probabilities(Shown(np.array([[0, slot, 1]]), np.zeros((1, 3))))[1] for slot in (0, 2))
    assert np.allclose(one, other, atol=1e-12)


def test_a_row_does_not_depend_on_those_beside_it(learned, rows):
    alone = learned.probabilities(Shown(rows[5:6], np.zeros((1, 3))))
    among = learned.probabilities(Shown(rows[:CHUNK], np.zeros((CHUNK, 3))))
    assert all(np.allclose(a[0], b[5], atol=1e-12) for a, b in zip(alone, among, strict=True))


def test_the_same_seed_learns_the_same(rows):
    layout, shown = Layout.of([3, 3, 4]), Shown(rows[:100], np.zeros((100, 3)))
    one, other = (Conditional.fit(layout, shown, rows[:100], seed=3) for _ in range(2))
    assert all((a[name] == b[name]).all() for a, b in zip(one.networks, other.networks, strict=True) for name in a)


def test_few_rows_make_one_network(rows):
    few = rows[: FEWEST_ROWS - 1]
    assert len(Conditional.fit(Layout.of([3, 3, 4]), Shown(few, np.zeros(few.shape)), few, seed=0).networks) == 1


def test_a_table_of_many_slots_is_trained_for_fewer_steps():
    assert steps(20_000, 20_000) < steps(20_000, 400)


def test_what_the_others_say_of_an_ordered_column_moves_all_its_levels_at_once():
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    level = np.clip(np.rint(2.5 + 1.5 * x + 0.3 * rng.normal(size=600)), 0, 5).astype(np.int64)
    few = np.abs(x) < 1.0  # the outermost levels are hardly ever seen
    slot, value = np.stack([np.zeros(600, np.int64), level], 1), np.stack([x, np.zeros(600)], 1)
    layout, ranks = Layout.of([1, 6]), np.array([np.nan, *np.linspace(-1.5, 1.5, 6)])
    fits = {
        name: Conditional.fit(layout, Shown(slot[few], value[few]), slot[few], 0, order)
        for name, order in {"ordered": Order(ranks, np.isnan(ranks)), "unordered": None}.items()
    }
    far = np.flatnonzero(x > 1.4)[:20]
    hidden = Shown(np.stack([slot[far, 0], np.full(20, -1)], 1), value[far])
    p = {name: fit.probabilities(hidden)[1][np.arange(20), level[far]].mean() for name, fit in fits.items()}
    assert p["ordered"] > 1.5 * p["unordered"]


def test_what_follows_from_a_number_is_smooth_where_slots_have_weights_of_their_own():
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    y = x + 0.2 * rng.normal(size=400)
    edges = np.quantile(y, np.linspace(0, 1, 21)[1:-1])
    slot = np.stack([np.zeros(400, np.int64), np.searchsorted(edges, y)], 1)
    middle = np.array([np.median(y[slot[:, 1] == at]) for at in range(20)])
    order = Order(np.array([np.nan, *middle]), np.ones(21, bool))
    layout, value = Layout.of([1, 20]), np.stack([x, np.zeros(400)], 1)
    new = rng.normal(size=200)
    target = np.searchsorted(edges, new + 0.2 * rng.normal(size=200))
    hidden = Shown(np.stack([np.zeros(200, np.int64), np.full(200, -1)], 1), np.stack([new, np.zeros(200)], 1))
    cost = {
        name: -np.log(Conditional.fit(layout, Shown(slot, value), slot, 0, each).probabilities(hidden)[1])
        for name, each in {"smooth": order, "apart": None}.items()
    }
    assert cost["smooth"][np.arange(200), target].mean() < cost["apart"][np.arange(200), target].mean() - 0.05
