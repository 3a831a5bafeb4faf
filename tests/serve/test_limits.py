import pytest

from poleward.errors import SettingError
from poleward.serve.limits import listening


def test_a_port_that_is_taken_or_a_host_that_is_not_here_is_a_setting_error():
    with listening(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingError, match=f"port {port} cannot be used"):
            listening(port)
    with pytest.raises(SettingError, match="cannot be used on"):
        listening(0, "203.0.113.1")


def test_any_free_port_is_this_machine_s_own():
    with listening(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
