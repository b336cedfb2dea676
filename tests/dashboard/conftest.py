"""What every page test shares: the whole app, fresh caches, jobs that start no process."""

import functools
from pathlib import Path
from weakref import WeakSet

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from dashboard.components.shared import beside, lane
from usable_core import jobs
from usable_core.jobs import interactive
from usable_core.runs.store import RunStore

# Each app of a test would read what every installed package says of itself: a third of the time.
manifest_scanner.scan_component_manifests = functools.cache(
    manifest_scanner.scan_component_manifests
)
# After each run of a script Keras, where other tests have imported it, would collect all garbage:
# three quarters of the time. No page imports it.
script_runner._clean_problem_modules = lambda: None
HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"


@pytest.fixture(autouse=True)
def fresh_caches():
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Work beside a script is over before the script goes on, however busy the machine is."""
    monkeypatch.setattr(beside, "BLINK", 20)
    monkeypatch.setattr(lane, "_sessions", WeakSet())  # other tests' tabs are closed


@pytest.fixture(autouse=True)
def no_imagenet(monkeypatch):
    """Pages begin with the bundled backbones, whatever packages are installed."""
    monkeypatch.setattr("usable_core.catalog.imagenet.installed", lambda: ())


@pytest.fixture
def store():
    """The test's own store, the one that the pages read too."""
    return RunStore()


@pytest.fixture
def started(monkeypatch, store):
    """Configs that pages have started: runs are created QUEUED and no process begins."""
    configs = []

    def start(config, *, title=None, owner=None):
        configs.append(config)
        return store.create(config, title=title, owner=owner).id

    monkeypatch.setattr(jobs, "start", start, raising=False)
    monkeypatch.setattr(jobs, "recover", lambda: [], raising=False)
    monkeypatch.setattr(jobs, "queue_position", lambda run_id: 0, raising=False)
    monkeypatch.setattr(jobs, "cancel", store.request_cancel, raising=False)
    monkeypatch.setattr(interactive, "ensure_worker", lambda: None)
    return configs


@pytest.fixture
def open_page(started):
    """Open a page with address parameters and return the app after its first run."""

    def opened(name, **params):
        app = AppTest.from_file(str(HOME), default_timeout=30)
        for key, value in params.items():
            app.query_params[key] = value
        if name != "overview":
            app.switch_page(f"app_pages/{name}.py")
        app.run()
        assert not app.exception, app.exception
        return app

    return opened
