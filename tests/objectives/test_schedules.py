import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.errors import SettingError
from poleward.objectives.schedules import SCHEDULES, constant, cyclical, linear, schedule_weight, square_root

BOUNDED = [constant, linear, cyclical]

epochs = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n)))


@pytest.mark.parametrize("schedule", BOUNDED)
@given(epochs)
def test_weights_are_above_zero_and_at_most_one(schedule, at):
    assert 0 < schedule(*at) <= 1


@pytest.mark.parametrize("schedule", BOUNDED)
@given(st.integers(1, 500))
def test_full_weight_is_reached_by_the_last_epoch(schedule, n_epochs):
    assert max(schedule(epoch, n_epochs) for epoch in range(n_epochs)) == 1


@given(epochs)
def test_constant_is_one(at):
    assert constant(*at) == 1


def test_linear_rises_over_the_first_three_tenths():
    assert [linear(epoch, 10) for epoch in range(4)] == pytest.approx([1 / 3, 2 / 3, 1, 1])


def test_cyclical_rises_four_times():
    assert [cyclical(epoch, 16) for epoch in range(16)] == [0.5, 1, 1, 1] * 4


@pytest.mark.parametrize("epoch", [0, 1, 9, 50, 100])
def test_square_root_grows_up_to_epoch_100(epoch):
    assert square_root(epoch, 300) == math.sqrt(epoch) + 1


@pytest.mark.parametrize("epoch", [101, 150, 299])
def test_square_root_is_one_after_epoch_100(epoch):
    assert square_root(epoch, 300) == 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_found_by_its_name(name):
    assert schedule_weight(name, 3, 20) == SCHEDULES[name](3, 20)


def test_an_unknown_schedule_is_named_with_the_known_ones():
    with pytest.raises(SettingError, match="schedule 'steep' is unknown; choose one of constant, linear, cyclical"):
        schedule_weight("steep", 0, 10)
