"""The script stands in the pages and in nothing else, and the policy allows it by its hash."""

import asyncio
import base64
import hashlib
import re

import pytest

from dashboard.page_script import PageScript
from dashboard.server import headers

TAB = "0123456789abcdef" * 2


def asked(path, *, kind=b"text/html; charset=utf-8", status=200, **scope):
    """Return the scope that the app saw, the headers of its answer, and its body."""
    seen, sent = {}, []

    async def app(scope, receive, send):
        seen.update(scope)
        start = [(b"content-type", kind), (b"content-length", b"2"), (b"etag", b"x")]
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": b"ok"})

    async def send(message):
        sent.append(message)

    whole = {"type": "http", "method": "GET", "path": path, "headers": [], **scope}
    asyncio.run(PageScript(app)(whole, None, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return seen, found, b"".join(m.get("body", b"") for m in sent).decode()


@pytest.mark.parametrize("path", ["/", "/explain", "/base/fine_tune"])
def test_every_page_begins_with_the_script_which_the_policy_allows(path):
    _, found, body = asked(path)

    (script,) = re.findall(r"<head><script>(.*?)</script>", body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "history.pushState" in script
    assert f"'sha256-{digest}'" in headers()["Content-Security-Policy"]
    assert found["content-length"] == str(len(body.encode()))
    assert "etag" not in found


@pytest.mark.parametrize("path", ["/media/report.html", "/_stcore/health", "/static/x.js"])
def test_everything_else_is_served_as_it_is(path):
    assert asked(path)[2] == "ok"


@pytest.mark.parametrize("answer", [{"kind": b"image/png"}, {"status": 403}, {"method": "HEAD"}])
def test_what_is_no_page_is_served_as_it_is(answer):
    assert asked("/explain", **answer)[2] == "ok"


@pytest.mark.parametrize(
    ("query", "told"),
    [(f"usable_tab={TAB}", [TAB]), ("usable_tab=../../x", []), ("", []), ("usable_tab=", [])],
)
def test_a_websocket_tells_the_tab_of_its_address(query, told):
    seen, *_ = asked("/_stcore/stream", type="websocket", query_string=query.encode())

    assert [value.decode() for name, value in seen["headers"] if name == b"usable-tab"] == told
