import numpy as np

from poleward.detector.summary import UNOBSERVED, names, summary
from poleward.records import Block, Features

TABLE = (Block("a", "numeric", 0, 1), Block("b", "categorical", 1, 3))


def test_a_column_is_its_value_and_a_category_its_number():
    values = np.array([[2.0, 0.0, 1.0, 0.0], [9.0, 1.0, 0.0, 0.0]])
    observed = np.array([[True] * 4, [False, True, True, True]])
    assert summary(Features(values, observed), TABLE).tolist() == [[2.0, 1.0], [UNOBSERVED, 0.0]]
    assert names(TABLE, "table") == ["a", "b"]


def test_a_band_is_mean_and_spread_of_its_observed_pixels():
    values = np.array([[[[1.0, 3.0]], [[5.0, 99.0]]]])
    observed = np.array([[[[True, True]], [[True, False]]]])
    assert summary(Features(values, observed), (Block("R", "numeric", 0, 1), Block("G", "numeric", 1, 1))).tolist() == [
        [2.0, 5.0, 1.0, 0.0]
    ]
