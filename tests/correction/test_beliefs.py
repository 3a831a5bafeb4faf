import numpy as np
import pyarrow as pa

from poleward.correction.beliefs import Beliefs, other_guess
from poleward.correction.table import TableCorrector

NONE = np.zeros((1, 2), bool)


def test_a_suspected_cell_that_is_cleared_may_be_shown_again():
    rows, hidden = other_guess(np.array([[0.1, 0.2]]), np.array([[True, False]]), NONE)
    assert rows.tolist() == [0] and not hidden.any()


def test_a_cell_known_to_be_wrong_is_never_shown_again():
    hidden = np.array([[True, False]])
    assert not len(other_guess(np.array([[0.1, 0.2]]), hidden, known_wrong=hidden)[0])


def test_cells_are_hidden_only_where_the_row_becomes_more_likely():
    beliefs, found = Beliefs.blank(np.repeat(NONE, 2, 0)), Beliefs.blank(np.repeat(NONE, 2, 0))
    found.evidence[:] = [[1.0, -0.5], [0.5, -1.0]]
    assert beliefs.improve(np.arange(2), found).tolist() == [0]
    assert beliefs.evidence.tolist() == [[1.0, -0.5], [0.0, 0.0]]


def test_a_hidden_cell_counts_as_wrong_and_a_shown_one_as_right():
    beliefs = Beliefs.blank(np.array([[True, False]]))
    beliefs.wrong[:] = 0.75, 0.5
    assert np.allclose(beliefs.likelihood, np.log(0.75 * 0.5))


def test_two_numbers_that_are_far_out_together_bear_each_other_out():
    rng = np.random.default_rng(1)
    x = rng.normal(size=1000)
    x[:15] = rng.uniform(5, 9, 15)
    pair = x[:, None] + 0.1 * rng.normal(size=(1000, 2))
    pair[100:140, 0], pair[200:240, 1] = rng.uniform(-9, 9, (2, 40))
    table = pa.table({"x": pair[:, 0].round(2), "y": pair[:, 1].round(2)})
    mask = TableCorrector.fit(table, seed=0).correct(table)[0]
    assert mask[:15].sum() <= 1 and mask[100:140, 0].sum() >= 20 and mask[200:240, 1].sum() >= 20
