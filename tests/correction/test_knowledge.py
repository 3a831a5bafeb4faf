import numpy as np

from poleward.correction.knowledge import Given


def given(wrong=(), trusted=(), broken=(), proposals=None):
    """Knowledge of one row of three columns."""
    masks = [np.isin(np.arange(3), places)[None] for places in (wrong, trusted, broken)]
    return Given(*masks, proposals=proposals or {}, places=range(3), rules=None)


def weighed(knowledge):
    return knowledge.weighed(np.array([[0.2, 0.6, 0.2]]), np.array([0]))[0].round(9).tolist()


def test_without_knowledge_nothing_changes():
    assert weighed(given()) == [0.2, 0.6, 0.2]


def test_a_trusted_cell_is_not_wrong_and_one_known_to_be_wrong_is():
    assert weighed(given(wrong=[0], trusted=[1])) == [1.0, 0.0, 0.2]


def test_one_of_the_cells_of_a_broken_rule_is_wrong():
    assert weighed(given(broken=[0, 1])) == [0.25, 0.75, 0.2]


def test_a_trusted_cell_of_a_broken_rule_leaves_the_blame_to_the_others():
    assert weighed(given(broken=[0, 1], trusted=[1])) == [1.0, 0.0, 0.2]


def test_a_cell_for_which_the_rules_know_a_value_is_the_one_to_blame():
    assert weighed(given(broken=[0, 1], proposals={(0, 0): "x"})) == [1.0, 0.6, 0.2]
