import pytest

from poleward.data.reading import Reading
from poleward.errors import SettingError


@pytest.mark.parametrize("resize", [(0, 4), (4, -1)])
def test_a_size_is_at_least_one_pixel(resize):
    with pytest.raises(SettingError, match="at least 1 pixel"):
        Reading(resize=resize)
