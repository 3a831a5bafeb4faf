import math

import numpy as np
import pytest

from poleward.errors import TrainingCollapsed
from poleward.training.collapse import dead_dimensions, require_finite, require_living, require_spread


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_term_that_is_not_finite_is_named_with_its_epoch(value):
    with pytest.raises(TrainingCollapsed, match=rf"epoch 3: regulariser = {value}; try a smaller learning rate"):
        require_finite({"loss": 1.0, "regulariser": value}, epoch=2)


def test_finite_terms_pass():
    require_finite({"loss": -1e30, "regulariser": 0.0}, epoch=0)


@pytest.mark.parametrize("n_dead", [0, 1, 4])
def test_dead_dimensions_are_counted(n_dead):
    means = np.random.default_rng(0).normal(size=(30, 4))
    means[:, :n_dead] = 7
    assert dead_dimensions(means) == n_dead


def test_one_living_dimension_is_enough():
    require_living(np.array([[1.0, 5.0], [2.0, 5.0]]))


def test_samples_with_one_and_the_same_code_cannot_be_ranked():
    with pytest.raises(TrainingCollapsed, match="all 9 samples have the same latent mean"):
        require_living(np.ones((9, 3)))


def test_scores_that_differ_pass():
    require_spread(np.array([1.0, 1.0, 1.0 + 1e-12]))


def test_scores_that_are_all_the_same_cannot_rank():
    with pytest.raises(TrainingCollapsed, match=r"all 3 training scores are 2\.5"):
        require_spread(np.full(3, 2.5))


def test_scores_that_are_not_finite_are_counted():
    with pytest.raises(TrainingCollapsed, match="2 of 3 training scores are not finite"):
        require_spread(np.array([1.0, np.nan, np.inf]))


def test_a_single_score_passes():
    require_spread(np.array([2.5]))
