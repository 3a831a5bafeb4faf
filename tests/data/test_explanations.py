import numpy as np
import pytest

from poleward.data.explanations import by_name, joined, lines, most_moved
from poleward.records import Explanation


def explanation(n=2, shape=(2,), columns=("a", "b"), neighbours=1):
    rng = np.random.default_rng(n)
    contributions = rng.normal(size=(n, *shape))
    return Explanation(
        score=contributions.reshape(n, -1).sum(axis=1),
        contributions=contributions,
        columns=columns,
        nearest=np.arange(n * neighbours).reshape(n, neighbours),
        distances=rng.random((n, neighbours)),
        cosines=rng.uniform(-1, 1, (n, 4)),
        moved=np.tile([0.5, -3.0, 1.0, 2.0], (n, 1)),
    )


def test_a_line_says_all_that_a_line_can():
    assert lines(["x", "y"], explanation()).column_names == [
        *("id", "score", "nearest_1", "distance_1"),
        *(f"{what}_{number}" for number in (1, 2, 3) for what in ("angle", "cosine", "moved")),
        *("contribution of a", "contribution of b"),
    ]


def test_the_angles_that_moved_most_come_first():
    table = lines(["x", "y"], explanation())
    assert most_moved(explanation()).tolist() == [[1, 3, 2]] * 2
    assert (table["angle_1"][0].as_py(), table["moved_1"][0].as_py()) == (2, -3.0)


@pytest.mark.parametrize(("shape", "columns"), [((2,), ("a", "b")), ((4, 5, 3), ())])
def test_what_names_contribute_sums_to_the_score(shape, columns):
    found = explanation(3, shape, columns)
    assert sum(by_name(found).values()) == pytest.approx(found.score)


def test_a_scorer_without_neighbours_has_no_columns_for_them():
    assert not any("nearest" in name for name in lines(["x", "y"], explanation(neighbours=0)).column_names)


def test_parts_are_joined_in_their_order():
    whole = joined([explanation(2), explanation(3)])
    assert len(whole.score) == 5 and whole.columns == ("a", "b")
    assert np.array_equal(whole.contributions[2:], explanation(3).contributions)
