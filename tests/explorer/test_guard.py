import asyncio

import pytest

from poleward.explorer.guard import LARGEST_BODY, Guard

TOKEN = "secret"
HERE = {"host": "127.0.0.1:8000"}


def answered(path=f"/{TOKEN}/items", method="GET", headers=HERE, body=b""):
    """Status, headers, and the path that the app saw, None when it was not asked."""
    seen, sent = [], []

    async def app(scope, receive, send):
        seen.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "method": method, "headers": raw}
    asyncio.run(Guard(app, TOKEN)(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), seen[0] if seen else None


def test_a_page_of_this_machine_is_answered_without_the_token_in_its_path():
    status, _, seen = answered()
    assert (status, seen) == (200, "/items")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9", "[::1]:8000", "localhost"])
def test_this_machine_has_three_names_and_any_forwarded_port(host):
    assert answered(headers={"host": host})[0] == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "evil.example:127", "localhost.", "0.0.0.0"]
)
def test_another_host_is_refused(host):
    status, _, seen = answered(headers={"host": host})
    assert (status, seen) == (421, None)


@pytest.mark.parametrize(
    "path", ["/", "//", "/items", "/Secret/items", "/secre/items", "/secrett/", "/static/x.js", "", "/ſecret/"]
)
def test_without_the_token_nothing_is_answered(path):
    status, _, seen = answered(path)
    assert (status, seen) == (403, None)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:9000", "http://localhost:8000"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_origin_is_refused(origin, method):
    assert answered(method=method, headers=HERE | {"origin": origin})[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_what_changes_something_must_name_its_origin(method):
    assert answered(method=method)[0] == 403
    assert answered(method=method, headers=HERE | {"origin": "http://127.0.0.1:8000"})[0] == 200


@pytest.mark.parametrize("length", [str(LARGEST_BODY + 1), "9" * 30, "-1", "many", ""])
def test_a_body_beyond_the_limit_is_refused_before_it_is_read(length):
    headers = HERE | {"origin": "http://127.0.0.1:8000", "content-length": length}
    status, _, seen = answered(method="POST", headers=headers)
    assert (status, seen) == (413, None)


@pytest.mark.parametrize("path", [f"/{TOKEN}/", "/wrong/"])
def test_every_answer_forbids_foreign_and_inline_scripts(path):
    headers = answered(path)[1]
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"no-referrer"
