"""A `secrets.toml` with a section `[auth]` puts a login before the pages."""

from pathlib import Path

import pytest
import streamlit as st
from shown import texts
from streamlit import config
from streamlit.testing.v1 import AppTest

from dashboard.components.shared import login

HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"


@pytest.fixture
def visit(tmp_path, monkeypatch):
    """What a visitor sees, by the text of the file and what the provider says of them."""
    (tmp_path / ".streamlit").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(login, "find_spec", lambda name: name)  # also where Authlib is not here
    monkeypatch.setattr(st.secrets, "_secrets", None)

    def visited(text, user):
        if text is not None:
            (tmp_path / ".streamlit" / "secrets.toml").write_text(text, encoding="utf-8")
        app = AppTest.from_file(str(HOME), default_timeout=30)
        app.user.update(user)
        return app.run()

    yield visited
    st.secrets._reset()


AUTH = '[auth]\ncookie_secret = "x"\n'
ADA = {"is_logged_in": True, "email": "ada@example.org"}


@pytest.mark.parametrize(
    ("text", "user", "is_welcome"),
    [
        (None, {}, True),  # no file: the dashboard of one person
        ('[other]\na = "b"\n', {}, True),
        (AUTH, {"is_logged_in": False}, False),
        (AUTH, ADA, True),
        (AUTH + '[usable]\nusers = ["ada@example.org"]', ADA, True),
        (AUTH + '[usable]\nusers = ["eve@example.org"]', ADA, False),
        (AUTH + '[usable]\nusers = "ada@example.org"', ADA, False),  # no list of addresses
        (AUTH + "[usable]\nusers = []", ADA, False),
        (AUTH + '[usable]\nusers = ["ada@example.org"]', ADA | {"email_verified": False}, False),
        (AUTH + '[usable]\nusers = ["ada@example.org"]', {"is_logged_in": True}, False),
        ("[auth\n", {}, False),  # nobody knows what it asks for
    ],
)
def test_pages_are_shown_to_whom_the_file_names(visit, text, user, is_welcome):
    app = visit(text, user)

    assert not app.exception
    assert ("fit for use?" in texts(app)) is is_welcome
    asks = [button.label for button in app.button] == ["Log in"]
    assert asks is (user.get("is_logged_in") is False)


def test_a_login_without_its_package_says_what_to_install(visit, monkeypatch):
    monkeypatch.setattr(login, "find_spec", lambda name: None)

    app = visit(AUTH, {"is_logged_in": False})

    assert not app.exception
    assert 'pip install "usable[auth]"' in app.error[0].value
    assert not app.button


def test_who_is_logged_in_is_named_beside_the_way_out(visit):
    app = visit(AUTH, ADA)

    assert "ada@example.org" in texts(app)
    assert app.sidebar.button(key="log_out").label == "Log out"


@pytest.fixture
def unreachable():
    """A first place of secrets that the system refuses to look at, as another user's home."""
    before = config.get_option("secrets.files")
    config.set_option("secrets.files", ["x" * 300 + ".toml", ".streamlit/secrets.toml"])
    yield
    config.set_option("secrets.files", before)


@pytest.mark.parametrize("text", [None, AUTH])
def test_a_place_that_cannot_be_looked_at_is_said(visit, unreachable, text):
    app = visit(text, {})

    assert not app.exception
    assert "fit for use?" not in texts(app)  # it may hold a login
    assert "Set HOME" in app.error[0].value
