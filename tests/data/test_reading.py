import pytest

from poleward.data.reading import Reading
from poleward.errors import SettingError, SizeError


@pytest.mark.parametrize("resize", [(0, 4), (4, -1)])
def test_a_size_is_at_least_one_pixel(resize):
    with pytest.raises(SettingError, match="at least 1 pixel"):
        Reading(resize=resize)


def test_what_says_it_is_too_large_is_not_allowed():
    reading = Reading(most_values=100)
    reading.allow((10, 10))
    reading.allow((100,), itemsize=1)
    with pytest.raises(SizeError, match="holds 101 values once decoded; at most 100 are accepted"):
        reading.allow((101,), itemsize=1)
    with pytest.raises(SizeError, match="200 values"):
        reading.allow((10, 10), itemsize=9)
    Reading().allow((10**9, 10**9))
