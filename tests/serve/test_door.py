import asyncio
import json

import pytest

from poleward.serve.door import Door, Limits
from poleward.serve.keys import Keys
from poleward.serve.metrics import Metrics

KEY = "0123456789abcdef"
HERE = {"host": "127.0.0.1:8000"}


async def patient(scope, receive, send):
    """Reads the whole body, then answers."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def forgetful(scope, receive, send):
    """Reads the body and never answers."""
    await receive()
    await asyncio.Event().wait()


async def whole():
    return {"type": "http.request", "body": b"", "more_body": False}


async def never():
    await asyncio.Event().wait()


async def asked(door, headers, path="/score", receive=whole):
    sent = []

    async def send(message):
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await door({"type": "http", "path": path, "method": "POST", "headers": raw}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def answered(headers=HERE, keys=(), app=patient, path="/score", receive=whole, local_only=True, **limits):
    door = Door(app, Limits(**limits), Keys(keys), Metrics(), frozenset({"/score"}), local_only)
    return asyncio.run(asked(door, headers, path, receive))


def test_this_machine_is_let_through_and_nobody_may_keep_or_reinterpret_the_answer():
    status, headers, _ = answered()
    assert status == 200
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1.evil.example"])
def test_without_keys_another_host_is_refused(host):
    assert answered({"host": host})[0] == 421
    assert answered({"host": host}, local_only=False)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:8000"])
def test_without_keys_a_page_of_another_site_is_refused(origin):
    assert answered(HERE | {"origin": origin})[0] == 403
    assert answered(HERE | {"origin": "http://127.0.0.1:8000"})[0] == 200


@pytest.mark.parametrize("given", [{}, {"x-api-key": ""}, {"x-api-key": KEY[:-1]}, {"x-api-key": KEY + "0"}])
def test_without_the_key_only_health_is_answered(given):
    status, _, body = answered(given, [KEY], local_only=False)
    assert status == 401
    assert "X-API-Key" in json.loads(body)["error"]
    assert answered(given, [KEY], path="/health", local_only=False)[0] == 200


def test_any_of_the_keys_opens():
    for key in (KEY, "another-key-of-16"):
        assert answered({"x-api-key": key}, [KEY, "another-key-of-16"], local_only=False)[0] == 200


@pytest.mark.parametrize("length", ["11", "9" * 30, "-1", "many", ""])
def test_a_length_beyond_the_limit_is_refused_before_the_body_is_read(length):
    assert answered(HERE | {"content-length": length}, most_bytes=10, receive=never)[0] == 413


def test_an_encoded_body_is_refused():
    assert answered(HERE | {"content-encoding": "gzip"})[0] == 415


def test_a_body_that_does_not_come_is_not_waited_for():
    status, headers, _ = answered(receive=never, timeout=0.01)
    assert (status, headers[b"connection"]) == (408, b"close")


def test_an_answer_that_does_not_come_is_not_waited_for():
    status, headers, _ = answered(app=forgetful, timeout=0.01)
    assert (status, headers[b"retry-after"]) == (503, b"1")


def test_one_too_many_is_turned_away_and_the_others_are_answered():
    async def crowd():
        opened = asyncio.Event()

        async def app(scope, receive, send):
            await opened.wait()
            await patient(scope, receive, send)

        metrics = Metrics()
        door = Door(app, Limits(most_requests=2), Keys(), metrics, frozenset(), True)
        first = [asyncio.create_task(asked(door, HERE)) for _ in range(2)]
        await asyncio.sleep(0)
        turned_away = await asked(door, HERE)
        counted = metrics.registry.get_sample_value("poleward_requests_in_flight")
        opened.set()
        return turned_away, counted, await asyncio.gather(*first), await asked(door, HERE)

    (status, headers, _), in_flight, first, later = asyncio.run(crowd())
    assert (status, headers[b"retry-after"]) == (503, b"1")
    assert in_flight == 2
    assert [one[0] for one in first] == [200, 200]
    assert later[0] == 200
