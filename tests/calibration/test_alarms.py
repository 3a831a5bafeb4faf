from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.calibration.alarms import parse_alarms
from poleward.errors import SettingError


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_alarms_in_rows_are_their_share(alarms, more):
    assert parse_alarms(f" {alarms} / {alarms + more} ") == Fraction(alarms, alarms + more)


@pytest.mark.parametrize(
    "text", ["", "10", "0/1000", "5/5", "7/5", "1/0", "-1/10", "1.5/100", "1%", "a/b", "1/2/3", "١/١٠"]
)
def test_what_is_no_number_of_false_alarms_in_rows_is_refused(text):
    with pytest.raises(SettingError, match=r"write the false alarms .* for example 10/1000"):
        parse_alarms(text)
