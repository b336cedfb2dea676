"""A dashboard with a home of its own, and headless Chromium that looks at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-extensions",
]
# Streamlit asks for these below a page's own address first, and then at the root.
HARMLESS = ("/_stcore/health", "/_stcore/host-config")


@dataclass
class Watch:
    """What the browser must not have done."""

    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    frames_sent: int = 0  # WebSocket messages to the server


def unavailable(reason):
    """Skip, or fail where browser tests are required."""
    if os.environ.get("USABLE_REQUIRE_BROWSER") == "1":
        pytest.fail(f"browser tests are required, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium():
    """Headless Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        unavailable("no Chromium is installed (apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed (pip install -e '.[test]')")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(chromium, tmp_path_factory):
    """Address of a dashboard with an empty store."""
    with served(tmp_path_factory.mktemp("dashboard")) as address:
        yield address


@contextmanager
def served(folder):
    """Serve a dashboard whose home is below a folder, and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "USABLE_HOME": str(folder / "home"),
        "USABLE_WORKER_IDLE_SECONDS": "30",  # the worker outlives the dashboard, but not by much
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    environment.pop("USABLE_DATABASE_URL", None)
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "dashboard/Home.py",
        "--server.port",
        str(port),
        "--server.address",
        "127.0.0.1",
        "--server.headless",
        "true",
    ]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", server, folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def wait_until_healthy(url, server, log):
    for _ in range(240):
        if server.poll() is not None:
            pytest.fail(f"the dashboard did not start: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.25)
    pytest.fail("the dashboard did not become healthy within a minute")


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def page(chromium, address, watch):
    """An empty tab; `watch` holds what it did wrong."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1600}, color_scheme="light")
    context.set_default_timeout(120_000)  # a busy machine is no fault of the page
    page = context.new_page()

    def on_console(message):
        if message.type == "error" and not message.location.get("url", "").endswith(HARMLESS):
            watch.errors.append(f"{message.text} {message.location}")

    def on_request(request):
        if not request.url.startswith((address, "data:", "blob:")):
            watch.foreign.append(request.url)

    def on_frame(_):
        watch.frames_sent += 1

    page.on("console", on_console)
    page.on("pageerror", lambda error: watch.errors.append(str(error)))
    page.on("request", on_request)
    page.on("websocket", lambda stream: stream.on("framesent", on_frame))
    yield page
    context.close()
