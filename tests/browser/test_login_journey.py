"""A login by OpenID Connect, whole: a provider on loopback, the dashboard, a browser.

What a real provider does is done: discovery, keys, PKCE, a code for an ID token that is signed.
"""

import base64
import hashlib
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlparse

import pytest
from served import free_port, serving

pytestmark = pytest.mark.cluster
joserfc_jwk = pytest.importorskip("joserfc.jwk", reason="pip install -e '.[auth]'")
pytest.importorskip("authlib", reason="pip install -e '.[auth]'")
pytest.importorskip("httpx", reason="pip install -e '.[auth]'")
from joserfc import jwt  # noqa: E402

CLIENT, SECRET = "usable", "between us"
ADA = {"sub": "1", "email": "ada@example.org", "email_verified": True}
PATIENCE = 60_000  # ms


class Provider(BaseHTTPRequestHandler):
    """Lets in whoever `person` is, without a question."""

    key = joserfc_jwk.RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"})
    person, codes = ADA, {}

    def do_GET(self):
        path, asked = urlparse(self.path).path, parse_qs(urlparse(self.path).query)
        if path == "/authorize":
            code = f"code{len(self.codes)}"
            self.codes[code] = {name: values[0] for name, values in asked.items()}
            back = {"code": code, "state": asked["state"][0]}
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri'][0]}?{urlencode(back)}")
            self.end_headers()
        elif path == "/keys":
            self._answer({"keys": [self.key.as_dict(private=False)]})
        else:
            self._answer(self._metadata())

    def do_POST(self):
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        asked = self.codes.pop(sent["code"][0])  # a code is good once
        digest = hashlib.sha256(sent["code_verifier"][0].encode()).digest()
        assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
        now = int(time.time())
        claims = {"iss": self._place(), "aud": CLIENT, "iat": now, "exp": now + 300, **self.person}
        token = jwt.encode(
            {"alg": "RS256", "kid": "one"}, claims | {"nonce": asked["nonce"]}, self.key
        )
        self._answer({"access_token": "x", "token_type": "Bearer", "id_token": token})

    def _place(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def _metadata(self):
        places = {"authorization": "authorize", "token": "token"}
        return {
            "issuer": self._place(),
            "jwks_uri": f"{self._place()}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            **{f"{name}_endpoint": f"{self._place()}/{path}" for name, path in places.items()},
        }

    def _answer(self, said):
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said):
        pass


@contextmanager
def provider():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def dashboard(tmp_path, monkeypatch):
    """A dashboard that asks for a login and lets Ada in."""
    port = free_port()
    with provider() as place:
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text(
            f"""
            [auth]
            redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
            cookie_secret = "{"0123456789abcdef" * 4}"
            client_id = "{CLIENT}"
            client_secret = "{SECRET}"
            server_metadata_url = "{place}/.well-known/openid-configuration"

            [usable]
            users = ["ada@example.org"]
            """,
            encoding="utf-8",
        )
        with serving(tmp_path, port=port) as server:
            yield f"http://{server.name}"


@pytest.fixture
def visit(chromium, dashboard):
    """A page of a browser without cookies."""
    contexts = []

    def visited(path=""):
        contexts.append(chromium.new_context())
        page = contexts[-1].new_page()
        page.goto(f"{dashboard}/{path}")
        page.get_by_role("button", name="Log in").wait_for(timeout=PATIENCE)
        return page

    yield visited
    for context in contexts:
        context.close()


def test_pages_and_runs_are_the_logged_in_visitors(visit, dashboard, monkeypatch):
    page = visit("data")
    assert page.get_by_text("Look at data before anything runs").count() == 0
    assert page.get_by_role("link", name="Runs").count() == 0

    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Runs").first.wait_for(timeout=PATIENCE)
    page.goto(f"{dashboard}/data")
    page.get_by_role("button", name="Look at these data").click(timeout=PATIENCE)
    page.wait_for_url("**/data?*run=*", timeout=PATIENCE)
    page.goto(f"{dashboard}/runs?run={parse_qs(urlparse(page.url).query)['run'][0]}")

    page.get_by_text("Asked by ada@example.org").wait_for(timeout=PATIENCE)

    monkeypatch.setattr(Provider, "person", ADA | {"email_verified": False})
    page = visit()
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("This account is not among those").wait_for(timeout=PATIENCE)
    assert page.get_by_role("link", name="Runs").count() == 0
