"""What telling the progress of a run costs, with SQLite and with PostgreSQL, by how many tell it.

    python -m benchmarks.team_store [--writers 1 8 16] [--seconds 10] [--pause 0.25]

Writers are processes of one run each; each looks whether it was cancelled and then tells its
progress, four times a second as a job does (`--pause 0`: without a pause). Two processes list the
runs beside them, eight threads each, twice a second, as two dashboards with eight tabs do.
PostgreSQL is Debian's, on loopback, and waits for the disk. Aims with 16 writers: 95 % of
`progress()` within 100 ms, 40 connections at most.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Queue

import sqlalchemy

from usable_core import jobs
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres

DASHBOARDS, TABS, LOOK_SECONDS = 2, 8, 0.5
COUNT = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'usable'"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds between two writes")
    asked = parser.parse_args()
    print(
        f"Python {platform.python_version()}, SQLAlchemy {sqlalchemy.__version__}, wall clock, "
        f"load {os.getloadavg()[0]:.0f}, a pause of {asked.pause:g} s\n"
    )
    print("| store | writers | median | 95 % | slowest | connections |")
    print("|---|---:|---:|---:|---:|---:|")
    for count in asked.writers:
        print(_row("SQLite", measured(count, asked, None)))
        with postgres.server(fsync="on") as server:
            server.run(f"CREATE DATABASE {postgres.USER}")
            print(_row("PostgreSQL", measured(count, asked, server)), flush=True)


def measured(
    writers: int, asked: argparse.Namespace, server: postgres.Server | None
) -> tuple[int, list[float], int]:
    """Return the number of writers, the seconds of all calls, and the most connections."""
    context = multiprocessing.get_context("spawn")
    go, over, seconds = context.Event(), context.Event(), context.Queue()
    with tempfile.TemporaryDirectory() as home:
        os.environ["USABLE_HOME"] = home
        os.environ["USABLE_DATABASE_URL"] = "" if server is None else server.url(postgres.USER)
        told = go, asked, seconds
        work = [context.Process(target=write, args=told) for _ in range(writers)]
        pages = [context.Process(target=look, args=(over,)) for _ in range(DASHBOARDS)]
        for process in (*work, *pages):
            process.start()
        found, most = _gathered(writers, seconds, go, server)
        over.set()
        for process in (*work, *pages):
            process.join()
    return writers, found, most


def write(go: Event, asked: argparse.Namespace, seconds: "Queue[list[float]]") -> None:
    """Tell the progress of a run of its own for a while."""
    store = RunStore()
    run = store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits")))
    store.start(run.id, os.getpid())
    seconds.put([])
    go.wait()
    end, found = time.monotonic() + asked.seconds, []
    while time.monotonic() < end:
        store.is_cancel_requested(run.id)
        began = time.perf_counter()
        store.progress(run.id, len(found), 10**6, "Measuring", loss=0.5)
        found.append(time.perf_counter() - began)
        time.sleep(asked.pause)
    seconds.put(found)


def look(over: Event) -> None:
    """Do what the tabs of a dashboard do."""

    def tab() -> None:
        while not over.wait(LOOK_SECONDS):
            jobs.recover()
            RunStore().listing(limit=50)

    tabs = [threading.Thread(target=tab) for _ in range(TABS)]
    for one in tabs:
        one.start()
    for one in tabs:
        one.join()


def _gathered(
    writers: int, seconds: "Queue[list[float]]", go: Event, server: postgres.Server | None
) -> tuple[list[float], int]:
    for _ in range(writers):  # all are there
        seconds.get()
    go.set()
    most, calls = 0, []
    while len(calls) < writers:
        if server is not None:
            most = max(most, int(server.run(COUNT)[0][0]))
        time.sleep(0.2)
        while not seconds.empty():
            calls.append(seconds.get())
    return [one for found in calls for one in found], most


def _row(store: str, found: tuple[int, list[float], int]) -> str:
    writers, seconds, most = found
    tail = statistics.quantiles(seconds, n=20)[-1]
    figures = " | ".join(f"{1000 * s:.1f} ms" for s in (statistics.median(seconds), tail))
    return f"| {store} | {writers} | {figures} | {1000 * max(seconds):.0f} ms | {most or ''} |"


if __name__ == "__main__":
    main()
