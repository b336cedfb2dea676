"""Seconds from a click on another page until it is there, while a worker explains, beside idle.

    python -m benchmarks.clicks [--model timm/mobilenetv2_100 --weights FILE --arch-option ...]

A browser goes round the pages of a running app, by turns with nothing going on and while the
interactive worker refines maps of one picture by two backbones. The aim is at most 1.5 times.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.first_maps import png, smooth_noise
from benchmarks.first_page import FLAGS, ROOT, TIMEOUT, free_port, open_when_up, server
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import interactive as lane
from usable_core.runs import uploads

AIM = 1.5
PAGES = ("Accuracy", "Robustness", "Runs", "Overview")
# Another heading than before, and nothing still to come.
THERE = """before => {
  const app = document.querySelector('[data-testid=stApp]'), heading = document.querySelector('h1');
  return app.dataset.testScriptState === 'notRunning' && heading && heading.innerText !== before
    && !document.querySelector('[data-testid=stSkeleton]');
}"""
METHODS = ("lime", "kernel_shap")


def main() -> None:
    """Print one row per page and one for all of them."""
    asked = _arguments()
    specs = [
        ModelSpec(
            asked.model,
            asked.weights,
            tuple(tuple(o.split("=", 1)) for o in asked.arch_option),  # type: ignore[misc]
        ),
        ModelSpec(asked.other),
    ]
    idle: dict[str, list[float]] = {name: [] for name in PAGES}
    busy: dict[str, list[float]] = {name: [] for name in PAGES}
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        os.environ["USABLE_HOME"] = home
        port = free_port()
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        with server(ROOT / "dashboard" / "Home.py", port, home):
            open_when_up(page, port)
            with _explaining(specs, seed=0):  # every page and model once: imports, caches
                _round(page, {name: [] for name in PAGES})
            for turn in range(1, asked.rounds + 1):
                _round(page, idle)
                with _explaining(specs, turn):
                    _round(page, busy)
        browser.close()
    print("| page | idle | while explaining | × idle |\n|---|---:|---:|---:|")
    for name in PAGES:
        _row(name, idle[name], busy[name])
    _row("all", list(chain(*idle.values())), list(chain(*busy.values())))
    print(f"\nMedians of {asked.rounds} rounds, seconds. Aim: at most {AIM}.")


def _row(name: str, idle: list[float], busy: list[float]) -> None:
    quiet, loud = statistics.median(idle), statistics.median(busy)
    print(f"| {name} | {quiet:.3f} | {loud:.3f} | {loud / quiet:.2f} |")


def _round(page: Page, times: dict[str, list[float]]) -> None:
    """Go round the pages once, and note how long each took."""
    for name, found in times.items():
        before = page.locator("h1").first.inner_text()
        began = time.perf_counter()
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        page.wait_for_function(THERE, arg=before, timeout=TIMEOUT)
        found.append(time.perf_counter() - began)


@contextmanager
def _explaining(specs: list[ModelSpec], seed: int) -> Iterator[None]:
    """Have maps of a new picture refined from now until the block ends."""
    image = uploads.keep(png(smooth_noise(seed)), "picture.png")
    options = ExplainerOptions(evaluations=10_000, tolerance=0)
    keys = [
        lane.submit(ImageRequest("explain", spec, image, method, options=options))
        for spec in specs
        for method in METHODS
    ]
    while any(lane.poll(key).state in ("waiting", "working") for key in keys):
        failed = [lane.poll(key).error for key in keys if lane.poll(key).state == "failed"]
        if failed:
            raise SystemExit(str(failed[0]))
        time.sleep(0.1)
    try:
        yield
        if all(lane.poll(key).state == "done" for key in keys):
            raise SystemExit("The explanations ended before the round did.")
    finally:
        for key in keys:
            lane.cancel(key)
        time.sleep(2)  # the worker stops at its next step


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled/resnet")
    parser.add_argument("--weights", type=lambda path: str(Path(path).resolve()))
    parser.add_argument("--arch-option", action="append", default=[])
    parser.add_argument("--other", default="bundled/vgg")
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


if __name__ == "__main__":
    main()
