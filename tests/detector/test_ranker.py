import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from poleward.detector.ranker import member

prints = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9), max_size=30).map(lambda xs: np.array(xs, np.uint64))


@given(prints, prints)
def test_members_are_those_among_the_stored(asked, stored):
    assert np.array_equal(member(asked, np.sort(stored)), np.isin(asked, stored))


def test_nothing_is_a_member_of_nothing():
    assert member(np.array([0, 2**64 - 1], np.uint64), np.array([], np.uint64)).tolist() == [False, False]
