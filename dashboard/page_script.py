"""The dashboard's own script in Streamlit's page, and the name of the tab that it tells.

Streamlit writes each setting as an entry of its own into the browser's history, forgets a tab that
is reloaded, and has a navigation that screen readers take for a broken list. `static/page.js` runs
before it and mends these.
"""

import base64
import hashlib
import re
from pathlib import Path
from urllib.parse import parse_qs

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE = Path(__file__).parent
TAB = "usable_tab"  # parameter of the websocket's address
TAB_HEADER = "usable-tab"  # by which it reaches the pages
_TAB = re.compile(r"[0-9a-f]{32}")
_STORED = ("etag", "last-modified", "content-encoding")  # of the page without the script


def streamlits_page() -> str:
    """Return the page as Streamlit has it."""
    return (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")


def page() -> str:
    """Return Streamlit's page with the script before everything else of it."""
    script = (HERE / "static" / "page.js").read_text(encoding="utf-8")
    return streamlits_page().replace("<head>", f"<head><script>{script}</script>", 1)


def inline_scripts() -> list[str]:
    """Return what a policy calls the scripts within the page: their hashes."""
    scripts = re.findall(r"<script>(.*?)</script>", page(), re.DOTALL)
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def tab() -> str | None:
    """Return the name of the browser's tab, which a reload keeps; None where it told none."""
    name = st.context.headers.get(TAB_HEADER, "")
    return name if _TAB.fullmatch(name) else None


class PageScript:
    """ASGI middleware that serves the page with the script, and tells pages the tab's name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.page = page().encode()
        self.names = {"", *(path.stem for path in (HERE / "app_pages").glob("*.py"))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; where it is for one of the pages, answer with ours."""
        is_page = scope["type"] == "http" and scope["method"] == "GET"
        if is_page and scope["path"].rpartition("/")[2] in self.names:
            await self.app(scope, receive, self._ours(send))
            return
        if scope["type"] == "websocket":
            (name, *_) = parse_qs(scope["query_string"].decode("latin-1")).get(TAB, [""])
            if _TAB.fullmatch(name):
                scope["headers"] = [*scope["headers"], (TAB_HEADER.encode(), name.encode())]
        await self.app(scope, receive, send)

    def _ours(self, send: Send) -> Send:
        """Return a `send` that puts our page in the place of Streamlit's."""
        is_ours = False

        async def inner(message: Message) -> None:
            nonlocal is_ours
            if message["type"] != "http.response.start":
                if not is_ours:
                    await send(message)
                return
            headers = MutableHeaders(scope=message)
            kind = headers.get("content-type", "")
            is_ours = message["status"] == 200 and kind.startswith("text/html")
            if is_ours:
                for name in _STORED:
                    del headers[name]
                headers["content-length"] = str(len(self.page))
            await send(message)
            if is_ours:
                await send({"type": "http.response.body", "body": self.page})

        return inner
