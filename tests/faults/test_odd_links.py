"""Links of strangers: whatever an address says, no page fails and nothing it names is opened."""

import random

import pytest
import streamlit as st
from linked import KINDS, OPEN, PAGES, named, paths_opened
from streamlit.testing.v1 import AppTest

from dashboard import state
from dashboard.Home import PAGES as ALL
from usable_core import jobs
from usable_core.evaluations.interactive import Answer
from usable_core.jobs import interactive

pytestmark = pytest.mark.faults
HOME = state.__file__.replace("state.py", "Home.py")
# Every parameter that an address may hold, and those that a picker makes of a reference.
KEYS = [key for name, key in vars(state).items() if name.isupper() and isinstance(key, str)]
MADE = ("models_weights_{}", "models_options_{}", "models_labels_{}", "models_trust_{}")
PLAIN = ("", " ", "nan", "-1", "0", "1e400", "99999999999999999999", "true", "none", "upload")
ODD = (
    *("<script>alert(1)</script>", "' or 1=1 --", "\u202e\0", "x" * 3000, "%00", "$HOME"),
    *("../" * 40 + "etc/passwd", "~", "\\\\host\\share", "C:\\x", "file://host/x", "hf-hub:a/b"),
    *("[l](javascript:alert(1))", ":red[x]", "0" * 24, "日本語", "é", "\n\n# x", "None", "[]"),
)
REFERENCES = (
    *(
        "bundled/vgg_digits",
        "timm/resnet10t",
        "torchvision/resnet18",
        "run/none",
        "timm/local-dir:",
    ),
    *("bundled/../x", "evil/x", "/", "folder/", "file/", "torchvision/resnet18@x", "bundled/"),
)


@pytest.fixture
def asked(monkeypatch):
    """What the pages ask of the worker; no process begins."""
    requests = []
    monkeypatch.setattr(interactive, "submit", lambda r: requests.append(r) or "0" * 24)
    monkeypatch.setattr(interactive, "poll", lambda key: Answer("queued"))
    monkeypatch.setattr(interactive, "cancel", lambda key: None)
    monkeypatch.setattr(interactive, "ensure_worker", lambda: None)
    monkeypatch.setattr(jobs, "recover", lambda: [])
    st.cache_data.clear()
    st.cache_resource.clear()
    return requests


def opened(page, address):
    """Return a page after its first run at an address."""
    app = AppTest.from_file(HOME, default_timeout=60)
    for key, value in address.items():
        app.query_params[key] = value
    if page != "overview":
        app.switch_page(f"app_pages/{page}.py")
    return app.run()


def odd_address(draw, path):
    """Return an address with a few parameters, some of which name the path."""
    address = {"image": "cat"} if draw.random() < 0.5 else {}
    values = (*PLAIN, *ODD, str(path), f" {path}", f"folder/{path}", f"file/{path}", f"{path}\n")
    for key in draw.sample(KEYS, 4):
        address[key] = draw.sample(values, draw.choice((1, 1, 2)))
    address["models"] = draw.sample((*REFERENCES, str(path)), draw.choice((1, 2)))
    for made in draw.sample(MADE, 2):
        options = f"checkpoint_path={path} img_size=8"
        value = options if "options" in made else draw.choice(values)
        address[made.format(address["models"][0])] = [value]
    return address


@pytest.mark.parametrize("page", ALL)
def test_no_address_fails_or_opens_what_it_names(page, asked, tmp_path):
    secret = tmp_path / "secret.pth"
    secret.write_text("secret")
    draw = random.Random(page)
    for _ in range(12):
        address = odd_address(draw, secret)
        with paths_opened() as paths:
            app = opened(page, address)
        assert not app.exception, (address, app.exception)
        assert not [path for path in paths if str(secret) in path], address
        assert str(secret) not in str(asked), address


@pytest.mark.parametrize("page", PAGES)
def test_each_kind_waits_for_a_click_on_each_page(page, asked, tmp_path):
    secret = tmp_path / "secret.pth"
    secret.write_text("secret")
    for kind in KINDS if page != "explain" else KINDS[:-1]:
        asked.clear()
        with paths_opened() as paths:
            app = opened(page, named(page, kind, secret))
        assert not [path for path in paths if str(secret) in path], kind
        assert str(secret) not in str(asked), kind
        assert str(secret) in app.code[0].value, kind

        app.button(key=OPEN).click().run()

        assert not [button for button in app.button if button.key == OPEN], kind
