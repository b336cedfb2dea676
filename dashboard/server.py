"""Who may speak to the dashboard's server, and the headers on each of its answers.

A browser lets any page send requests to this machine. So the server answers only to names of its
own as Host (a page whose name was bound anew to 127.0.0.1 keeps its name), to nothing that a page
of another origin sends, such as another port of this machine, but to the links that people follow.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config

from dashboard.page_script import inline_scripts

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_WILDCARDS = frozenset({"0.0.0.0", "::"})  # every address of the machine: no name
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*)\.?(:[0-9]{1,5})?")
_REFUSED = (
    "Usable does not answer to this name or to pages of others. If the name is yours, start the "
    "dashboard with --server.allowedHosts NAME (SECURITY.md)."
)


def own_hosts() -> frozenset[str]:
    """Return the names the server answers to: `server.allowedHosts`, else loopback and address."""
    named = config.get_option("server.allowedHosts")
    if named:
        return frozenset(name.strip().lower().rstrip(".").strip("[]") for name in named)
    return LOOPBACK | {str(config.get_option("server.address") or "localhost").lower()} - _WILDCARDS


def is_own_host(host: str, own: frozenset[str]) -> bool:
    """Tell whether a Host header, with any port, is one of these names; `*.name` is its subnames.

    A star alone is no name.
    """
    whole = _HOST.fullmatch(host.lower())
    name = whole["name"].strip("[]") if whole else ""
    below = any(each.startswith("*.") and name.endswith(each[1:]) for each in own)
    return name in own or below


def is_same_origin(origin: str, host: str) -> bool:
    """Tell whether an Origin header names the host and port that the request was sent to."""
    usual = {"http": ":80", "https": ":443"}
    scheme, _, place = origin.lower().partition("://")
    return scheme in usual and place.removesuffix(usual[scheme]) == host.lower().removesuffix(
        usual[scheme]
    )


class Doorkeeper:
    """ASGI middleware that refuses strangers and puts the headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.hosts = own_hosts()
        self.origins = {name.strip() for name in config.get_option("server.corsAllowedOrigins")}
        self.headers = headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request of ours; answer any other with 403."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        if self.is_ours(scope):
            await self.app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before accepting: status 403
        else:
            await PlainTextResponse(_REFUSED, 403)(scope, receive, send_with_headers)

    def is_ours(self, scope: Scope) -> bool:
        """Tell whether a request is sent to one of our names, and by a page of ours or a person."""
        sent = Headers(scope=scope)
        hosts, origins = sent.getlist("host"), sent.getlist("origin")
        if len(hosts) != 1 or not is_own_host(hosts[0], self.hosts):
            return False
        if any(o not in self.origins and not is_same_origin(o, hosts[0]) for o in origins):
            return False
        if scope["type"] == "websocket":
            return bool(origins)  # every browser names it
        if scope["path"].rstrip("/").endswith("/_stcore/metrics"):
            return False
        return (
            bool(origins)
            or sent.get("sec-fetch-site", "none") in ("none", "same-origin")
            or (sent.get("sec-fetch-mode"), sent.get("sec-fetch-dest")) == ("navigate", "document")
        )


def headers() -> dict[str, str]:
    """Return the headers of every answer."""
    return {
        "Content-Security-Policy": "; ".join(
            f"{name} {sources}" for name, sources in _policy().items()
        ),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _policy() -> dict[str, str]:
    """Return what a page may load: all of it comes from this server."""
    return {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", "blob:", *inline_scripts()]),
        "style-src": "'self' 'unsafe-inline'",  # the widgets' styles are made in the browser
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
