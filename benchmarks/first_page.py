"""Time from the command to the first page in a running browser, beside a bare Streamlit page.

    python benchmarks/first_page.py [rounds]

Both servers are started alternately, each with a fresh home; medians are printed. The aim is at
most 1.5 times the bare page.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROUNDS = 5
AIM = 1.5
TIMEOUT = 120_000  # ms
ROOT = Path(__file__).parents[1]
BARE = """
import streamlit as st

st.set_page_config(page_title="Hello", layout="wide")
st.title("Welcome to Streamlit!")
st.markdown("A page of a title and a sentence.")
st.button("Press")
"""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions")
# A heading appears before the rest: a page is there when nothing of it is still to come.
SETTLED = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning' && document.querySelector('h1')
    && document.querySelector('[data-testid=stButton]')
    && !document.querySelector('[data-testid=stSkeleton]');
}"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(script: Path, port: int, home: str) -> Iterator[None]:
    """Run `streamlit run` on a script until the block ends."""
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.port",
        str(port),
        "--server.headless",
        "true",
        "--server.address",
        "127.0.0.1",
        "--server.fileWatcherType",
        "none",
        "--browser.gatherUsageStats",
        "false",
    ]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        command,
        env=os.environ | {"USABLE_HOME": home, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def open_when_up(page: Page, port: int) -> None:
    """Open the address as soon as something listens there, and wait for the whole page."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    page.goto(f"http://127.0.0.1:{port}", timeout=TIMEOUT)
    page.wait_for_function(SETTLED, timeout=TIMEOUT)


def measure(page: Page, script: Path) -> tuple[float, float]:
    """Return seconds to the first page, and of a reload."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        begin = time.perf_counter()
        with server(script, port, home):
            open_when_up(page, port)
            first = time.perf_counter() - begin
            begin = time.perf_counter()
            page.reload()
            page.wait_for_function(SETTLED, timeout=TIMEOUT)
            return first, time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=ROUNDS)
    rounds = parser.parse_args().rounds
    times: dict[str, list[tuple[float, float]]] = {"bare": [], "usable": []}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        scripts = {"bare": bare, "usable": ROOT / "dashboard" / "Home.py"}
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for turn in range(rounds + 1):  # the first round warms the disk's cache
            for name, script in scripts.items():
                seconds = measure(browser.new_page(), script)
                if turn:
                    times[name].append(seconds)
        browser.close()
    medians = {
        name: tuple(statistics.median(part) for part in zip(*rows, strict=True))
        for name, rows in times.items()
    }
    print(f"{'page':8} {'first page':>12} {'reload':>8}   medians of {rounds}")
    for name, (first, reload) in medians.items():
        print(f"{name:8} {first:10.2f} s {reload:6.2f} s")
    ratio = medians["usable"][0] / medians["bare"][0]
    print(f"ratio of the first page: {ratio:.2f} (aim: at most {AIM})")


if __name__ == "__main__":
    main()
