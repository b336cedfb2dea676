"""`usable dashboard` opens the browser where one would be seen, at the run that is asked for."""

import socket
import sys
from types import SimpleNamespace

import pytest

from usable_core import cli
from usable_core.cli import dashboard
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import PretrainingConfig
from usable_core.runs import RunStore
from usable_core.verdicts.demo import demo

DATA = DatasetSpec("digits")


@pytest.fixture
def opened(monkeypatch):
    """Addresses that the browser was sent to; the server is one that answers and ends at once."""
    found, commands = [], []
    server = SimpleNamespace(wait=lambda: 0, poll=lambda: None, commands=commands)
    monkeypatch.setattr(
        dashboard.subprocess, "Popen", lambda command, **_: commands.append(command) or server
    )
    now = SimpleNamespace(
        Thread=lambda target, args, daemon: SimpleNamespace(start=lambda: target(*args))
    )
    monkeypatch.setattr(dashboard, "threading", now)
    monkeypatch.setattr(dashboard.webbrowser, "open", found.append)
    return SimpleNamespace(addresses=found, commands=commands)


@pytest.fixture
def port():
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("display", "words", "is_opened"),
    [(":0", [], True), (":0", ["--headless"], False), ("", [], False)],
)
def test_the_browser_is_opened_where_there_is_a_display(
    opened, port, monkeypatch, display, words, is_opened
):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    assert cli.main(["dashboard", "--port", str(port), *words]) == 0

    assert opened.addresses == [f"http://localhost:{port}/"] * is_opened
    assert opened.commands[0][-2:] == ["--server.headless", "true"]  # it would open its own


def test_a_run_is_opened_on_its_page(opened, port, monkeypatch, capsys):
    monkeypatch.setenv("DISPLAY", ":0")
    store = RunStore()
    runs = {
        "assess": store.create(demo()).id,
        "accuracy": store.create(AccuracyConfig(ModelSpec("bundled/vgg_digits"), DATA)).id,
        "runs": store.create(PretrainingConfig("small_vit", DATA)).id,
    }

    for page, run in runs.items():
        assert cli.main(["dashboard", "--port", str(port), "--run", run]) == 0
        assert opened.addresses[-1] == f"http://localhost:{port}/{page}?run={run}"

    assert cli.main(["dashboard", "--run", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
    assert len(opened.commands) == len(runs)


def test_the_server_listens_where_it_is_told_and_answers_to_these_names(opened, port):
    names = ["usable.example.org", "*.lab.example", "10.0.0.7", "fd00::7"]
    words = [word for name in names for word in ("--allow-host", name)]

    assert (
        cli.main(["dashboard", "--headless", "--port", str(port), "--address", "0.0.0.0", *words])
        == 0
    )

    allowed = [word for name in names for word in ("--server.allowedHosts", name)]
    assert opened.commands[0][-12:-2] == ["--server.address", "0.0.0.0", *allowed]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--address", "0.0.0.0"], "would answer no other machine"),
        (["--address", "::"], "would answer no other machine"),
        (["--address", "usable.example"], "is an IP address of this machine"),
        (["--allow-host", "usable.example:8501"], "without a port"),
        (["--allow-host", "*"], "a name or an IP address"),
        (["--allow-host", "https://usable.example"], "a name or an IP address"),
    ],
)
def test_a_place_that_nobody_could_call_is_refused(opened, capsys, words, sentence):
    assert cli.main(["dashboard", *words]) == 2
    assert sentence in capsys.readouterr().err
    assert opened.commands == []
