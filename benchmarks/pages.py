"""Processor time of every page over a store of many models, examples and runs.

    python -m benchmarks.pages [--models 12] [--examples 10000] [--runs 5000] [--rounds 5]

Every page is opened in a process of its own that has shown another page before, as a server has:
first the page with whatever it imports and reads, then reruns of it. The aims are 1.5 s and 0.2 s.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._store import fill
from benchmarks._timing import conditions
from dashboard.Home import PAGES

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

FIRST, RERUN = 1.5, 0.2  # s, aims
HOME = Path(__file__).parents[1] / "dashboard" / "Home.py"
MEASURING = ("accuracy", "robustness", "corruption", "explanation", "cost")


def main() -> None:
    """Fill a store and print a row per page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=int, default=12)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5, help="Reruns.")
    parser.add_argument("--pages", nargs="+", choices=list(PAGES), default=list(PAGES))
    parser.add_argument("--home", type=Path, help="A store made before, or where it is kept.")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(opened(asked.one, asked.rounds)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        home = asked.home or Path(temporary)
        os.environ["USABLE_HOME"] = str(home)
        if not (home / "made.json").exists():
            home.mkdir(exist_ok=True)
            made = fill(home, models=asked.models, examples=asked.examples, runs=asked.runs)
            (home / "made.json").write_text(json.dumps(made), encoding="utf-8")
        print(f"{conditions()}\n{asked.models} models, {asked.examples:,} examples, ", end="")
        print(f"{asked.runs:,} runs; processor time in seconds\n")
        print("| page | first | rerun | within the aims |\n|---|---:|---:|---|")
        for page in asked.pages:
            first, rerun = alone(page, asked.rounds)
            verdict = "yes" if first <= FIRST and rerun <= RERUN else "no"
            print(f"| {PAGES[page].title} | {first:.2f} | {rerun:.2f} | {verdict} |", flush=True)


def alone(page: str, rounds: int) -> tuple[float, float]:
    """Return the times of a page, opened in a process of its own."""
    words = ["-m", "benchmarks.pages", "--one", page, "--rounds", str(rounds)]
    done = subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE, text=True)
    first, rerun = json.loads(done.stdout.splitlines()[-1])
    return first, rerun


def opened(page: str, rounds: int) -> tuple[float, float]:
    """Return the processor time (s) of a page and the median of its reruns."""
    from streamlit.components.v2 import manifest_scanner
    from streamlit.testing.v1 import AppTest

    scan = functools.cache(manifest_scanner.scan_component_manifests)
    manifest_scanner.scan_component_manifests = scan  # a server reads them once, when it starts
    other = "overview" if page != "overview" else "runs"
    shown(AppTest.from_file(str(HOME), default_timeout=300), other)
    app = AppTest.from_file(str(HOME), default_timeout=300)
    whole, of_models = json.loads((Path(os.environ["USABLE_HOME"]) / "made.json").read_text())
    if page == "assess":
        app.query_params["run"] = whole
    elif page == "compare":
        app.query_params["parent"] = whole
    elif page in MEASURING:
        app.query_params["run"] = of_task(page, len(of_models))
    first = shown(app, page)
    return first, statistics.median(shown(app) for _ in range(rounds))


def of_task(task: str, most: int) -> list[str]:
    """Return the newest runs of a task, as many as a page shows side by side at the most."""
    from dashboard.components.measure.measured_runs import MOST_MODELS
    from usable_core.runs import RunStore

    return [run.id for run in RunStore().list(task, limit=min(most, MOST_MODELS))]


def shown(app: "AppTest", page: str = "") -> float:
    """Run a script, on another page if one is named, and return its processor time (s)."""
    if page and page != next(iter(PAGES)):
        app.switch_page(f"app_pages/{page}.py")
    began = time.process_time()
    app.run()
    taken = time.process_time() - began
    if app.exception:
        raise RuntimeError(f"{page}: {app.exception[0].value}")
    return taken


if __name__ == "__main__":
    main()
