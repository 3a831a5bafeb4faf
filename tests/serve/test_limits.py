import asyncio
import socket

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


def test_an_answer_does_not_wait_for_the_last_one_to_be_acknowledged():
    """asyncio turns Nagle's algorithm off only for a socket that names its protocol."""

    async def nodelay():
        found = asyncio.get_running_loop().create_future()

        def met(reader, writer):
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = listening(0)
        async with await asyncio.start_server(met, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return await found

    assert asyncio.run(nodelay())
