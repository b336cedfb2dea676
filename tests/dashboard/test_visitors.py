"""Whose runs a page starts and shows; and a dashboard that only shows what is stored."""

import re
from pathlib import Path

import pytest
import runs_at_hand
import streamlit as st
from shown import texts
from streamlit.testing.v1 import AppTest
from test_login import ADA, AUTH, HOME

from dashboard.Home import PAGES
from usable_core import settings
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec

QUESTION = AccuracyConfig(ModelSpec("bundled/vgg_digits"), DatasetSpec("digits"))


@pytest.fixture
def visit(tmp_path, monkeypatch, started):
    """A page as a logged-in visitor sees it."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(AUTH, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(st.secrets, "_secrets", None)

    def visited(page, **user):
        app = AppTest.from_file(str(HOME), default_timeout=30)
        app.user.update(ADA | user)
        return app.switch_page(f"app_pages/{page}.py").run()

    yield visited
    st.secrets._reset()


@pytest.mark.parametrize(
    ("user", "owner"),
    [
        ({}, "ada@example.org"),
        ({"email_verified": False, "sub": "7"}, "7"),  # an address that anybody may claim
        ({"email": None}, "an account without a name"),
    ],
)
def test_a_run_is_of_the_visitor_who_starts_it(visit, store, user, owner):
    app = visit("data", **user)

    app.button(key="data_look").click().run()

    assert not app.exception
    assert [run.owner for run in store.list()] == [owner]


def test_no_page_starts_a_run_of_nobody():
    pages = Path(HOME).parent.rglob("*.py")
    found = [
        path.name
        for path in pages
        if re.search(r"\bjobs\.(start|again)\(", path.read_text("utf-8"))
    ]

    assert found == ["visitor.py"]


def test_the_list_says_whose_runs_these_are_and_shows_ones_own(visit, store):
    own = store.create(QUESTION, owner="ada@example.org")
    other = store.create(QUESTION, owner="_eve_")
    app = visit("runs")
    assert dict(app.dataframe[0].value[["run", "owner"]].to_numpy()) == {
        own.id: own.owner,
        other.id: other.owner,
    }

    app.pills(key="runs_owners").set_value(["ada@example.org"]).run()

    assert list(app.dataframe[0].value["run"]) == [own.id]
    assert app.pills(key="runs_owners").options[:2] == ["Mine", r"\_eve\_"]


def test_a_list_of_ones_own_has_no_owners(open_page, store):
    run = store.create(QUESTION)

    app = open_page("runs", run=run.id)

    assert "owner" not in app.dataframe[0].value
    assert f"Asked by {settings.user()}" in texts(app)


def test_several_questions_are_asked_together_or_not_at_all(open_page, store, monkeypatch):
    monkeypatch.setenv("USABLE_QUOTA", "1")
    app = open_page("accuracy", models=["bundled/vgg_digits", "bundled/resnet_digits"])

    app.button(key="accuracy_start").click().run()

    assert "and 2 more are asked for. Cancel some" in app.error[0].value
    assert store.list() == []


@pytest.fixture
def read_only(monkeypatch):
    return lambda: monkeypatch.setenv("USABLE_READ_ONLY", "1")


# What shows other things, or asks what may be answered already and says why not when it is not.
HARMLESS = re.compile(r"explain_(before|next|start)|gallery_|leave_slice|unpin|again_|assess_file")


def acting(block):
    """Buttons, uploaders and popovers that change something; what a closed popover holds aside."""
    for child in block.children.values():
        proto = getattr(child.proto, "popover", child.proto)
        kind = "popover" if proto is not child.proto else child.type
        is_closed = kind == "popover" and proto.disabled
        key = getattr(child, "key", "") or ""
        if (kind in ("button", "file_uploader") or is_closed) and not HARMLESS.match(key):
            yield proto
        if hasattr(child, "children") and not is_closed:
            yield from acting(child)


@pytest.mark.parametrize("page", PAGES)
def test_what_acts_is_closed_on_every_page_that_only_shows(open_page, store, read_only, page):
    done = runs_at_hand.done(store)
    runs_at_hand.running(store)
    read_only()

    app = open_page(page, **({"run": done.id} if page == "runs" else {}))

    found = list(acting(app._tree))
    assert [one.label for one in found if not one.disabled] == []
    assert {one.help for one in found} <= {settings.READ_ONLY}
    assert settings.READ_ONLY in texts(app)


def test_a_press_that_got_through_is_refused_where_it_would_act(open_page, store, read_only):
    run = runs_at_hand.running(store)
    app = open_page("runs", run=run.id)
    read_only()  # after the page was drawn

    app.button(key=f"cancel_{run.id}").click().run()

    assert not app.exception
    assert app.error[0].value.replace("\\", "") == settings.READ_ONLY
    assert not store.is_cancel_requested(run.id)
