"""Seconds of a rerun while many tabs of one dashboard are in use and jobs wait; and its memory.

    python -m benchmarks.sessions [--tabs 25] [--seconds 120] [--jobs 6] [--think 4]

A tab is a websocket that speaks Streamlit's protocol, with the timers of its page: it opens a page,
reads it, thinks, and opens the next. All tabs open at once. A rerun lasts from the question to its
last message. The aim is a 95th percentile of at most 1 s, and memory that does not grow.
"""

import argparse
import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from benchmarks._process import resident, worked
from dashboard.Home import PAGES
from usable_core import jobs
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore

Result = TypeVar("Result")
AIM = 1.0  # s
ROOT = Path(__file__).parents[1]
PICTURES = ("cat", "coffee", "flower")
START_SECONDS = 120
PATIENCE = 120  # s until a rerun counts as one that hangs


def finished(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what some work comes to, also where this thread has a loop, as a driven browser's."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@dataclass
class Tab:
    """One open tab, and what it saw.

    Attributes:
        port: Of the dashboard.
        random: Decides where it goes.
        reruns: Page and seconds of each.
        looks: Seconds of each rerun of a fragment that a timer asked for.
        errors: Exceptions on a page, and what went wrong with the connection.
    """

    port: int
    random: random.Random
    reruns: list[tuple[str, float]] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _hashes: dict[str, str] = field(default_factory=dict)
    _timers: dict[str, float] = field(default_factory=dict)
    _at: tuple[str, str] = ("", "")
    _is_of_a_timer: bool = False

    def connected(self) -> connect:
        """Return the connection of a new session, for `async with`."""
        address = f"127.0.0.1:{self.port}"
        return connect(
            f"ws://{address}/_stcore/stream",
            subprotocols=["streamlit", "xsrf"],  # type: ignore[list-item]
            origin=f"http://{address}",  # type: ignore[arg-type]
            max_size=None,
            open_timeout=PATIENCE,
        )

    async def live(self, until: float, think: float) -> None:
        """Go from page to page until a moment of `time.time`; think about so many seconds."""
        try:
            async with self.connected() as connection:
                await self.go(connection, "overview")
                while time.time() < until:
                    await self._think(connection, self.random.uniform(0.2, 2) * think)
                    await self.go(connection, self.random.choice(list(PAGES)))
        except Exception as error:  # what is counted
            self.errors.append(f"{self._at}: {type(error).__name__} {error}"[:300])

    async def go(self, connection: ClientConnection, page: str) -> None:
        """Open a page, and read until it is whole."""
        name = "" if page == next(iter(PAGES)) else page
        picture = f"image={self.random.choice(PICTURES)}" if page == "explain" else ""
        self._at, self._timers = (name, picture), {}
        began = time.perf_counter()
        await connection.send(self._question().SerializeToString())
        while not self._read(await asyncio.wait_for(connection.recv(), PATIENCE)):
            pass
        self.reruns.append((page, time.perf_counter() - began))

    async def _think(self, connection: ClientConnection, seconds: float) -> None:
        """Look at the page, whose timers go on."""
        end = time.time() + seconds
        while (left := end - time.time()) > 0:
            if not self._timers:
                await self._hear(connection, left)
                continue
            fragment, interval = self.random.choice(list(self._timers.items()))
            if not await self._hear(connection, min(left, interval)) and self._timers:
                await self._look(connection, fragment)

    async def _look(self, connection: ClientConnection, fragment: str) -> None:
        question = self._question()
        question.rerun_script.fragment_id = fragment
        question.rerun_script.is_auto_rerun = self._is_of_a_timer = True
        began = time.perf_counter()
        await connection.send(question.SerializeToString())
        while not self._read(await asyncio.wait_for(connection.recv(), PATIENCE)):
            pass
        self.looks.append(time.perf_counter() - began)

    async def _hear(self, connection: ClientConnection, seconds: float) -> bool:
        """Wait for a message; return whether one came."""
        try:
            self._read(await asyncio.wait_for(connection.recv(), seconds))
        except TimeoutError:
            return False
        return True

    def _question(self) -> BackMsg:
        question, (name, query) = BackMsg(), self._at
        question.rerun_script.page_name, question.rerun_script.query_string = name, query
        question.rerun_script.page_script_hash = self._hashes.get(name, "")
        return question

    def _read(self, data: str | bytes) -> bool:
        """Take a message; return whether it ends a rerun."""
        message = ForwardMsg()
        message.ParseFromString(data)
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self._hashes = {
                p.url_pathname: p.page_script_hash for p in message.navigation.app_pages
            }
        elif kind == "new_session" and not self._is_of_a_timer:
            self._timers.clear()  # those of the page as it was before
        elif kind == "script_finished":
            self._is_of_a_timer = False  # what follows it unasked is the whole page
        elif kind == "auto_rerun":
            self._timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "stop_auto_rerun":
            self._timers.clear()
        elif kind == "delta" and message.delta.new_element.HasField("exception"):
            found = message.delta.new_element.exception
            self.errors.append(f"{self._at}: {found.type} {found.message}"[:300])
        return kind == "script_finished" and message.script_finished in (
            ForwardMsg.FINISHED_SUCCESSFULLY,
            ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
            ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
        )


@contextmanager
def dashboard(home: str) -> Iterator[tuple[int, int]]:
    """Run a dashboard on a home until the block ends; yield its port and process number."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {**os.environ, "USABLE_HOME": home, "USABLE_WORKER_IDLE_SECONDS": "20"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "dashboard/Home.py", "--server.port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    end = time.time() + START_SECONDS
    while time.time() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The dashboard did not start.")


async def crowd(
    tabs: Sequence[Tab], seconds: float, think: float, process: int
) -> list[tuple[float, float]]:
    """Have all tabs live for a while; return seconds and MiB of the dashboard every 5 seconds."""
    began, memory = time.time(), []
    living = [asyncio.create_task(tab.live(began + seconds, think)) for tab in tabs]
    while not all(task.done() for task in living):
        memory.append((time.time() - began, resident(process)))
        await asyncio.wait(living, timeout=5)
    return memory


def growth(memory: Sequence[tuple[float, float]]) -> float:
    """Return by what share of its size a process grew once warm: in the last third of the time."""
    whole = memory[-1][0]
    middle, end = (
        statistics.median(mib for moment, mib in memory if low <= moment / whole <= high)
        for low, high in ((1 / 3, 2 / 3), (2 / 3, 1))
    )
    return end / middle - 1


def opened(count: int, port: int) -> list[Tab]:
    """Return tabs that go their own ways, the same ones each time."""
    return [Tab(port, random.Random(seed)) for seed in range(count)]


@contextmanager
def queued(count: int) -> Iterator[None]:
    """Have jobs wait, and one of them work, until the block ends."""
    model, store = ModelSpec("bundled/vgg_digits"), RunStore()
    ids = [
        jobs.start(RobustnessConfig(model, DatasetSpec("digits", limit=1000, seed=k)))
        for k in range(count)
    ]
    try:
        yield
    finally:
        for name in ids[::-1]:
            jobs.cancel(name)
        while not all(store.get(name).status.is_over for name in ids):
            time.sleep(0.2)


def main() -> None:
    """Print a row per page, one for all, and the memory."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        os.environ["USABLE_HOME"] = home
        with dashboard(home) as (port, process), queued(asked.jobs):
            before, tabs = resident(process), opened(asked.tabs, port)
            memory = finished(crowd(tabs, asked.seconds, asked.think, process))
            processor = worked(process)
    print("| page | reruns | median | 95 % | most |\n|---|---:|---:|---:|---:|")
    every = [rerun for tab in tabs for rerun in tab.reruns]
    for page in PAGES:
        _row(page, [seconds for name, seconds in every if name == page])
    _row("all", [seconds for _, seconds in every])
    _row("all tabs opened at once", [tab.reruns[0][1] for tab in tabs if tab.reruns])
    _row("timers", [seconds for tab in tabs for seconds in tab.looks])
    errors = [error for tab in tabs for error in tab.errors]
    each = processor / (len(every) + sum(len(tab.looks) for tab in tabs))
    peak = max(mib for _, mib in memory)
    print(
        f"\nSeconds; {asked.tabs} tabs, {asked.jobs} jobs, {asked.seconds:g} s. Aim: 95 % within "
        f"{AIM:g} s.\nProcessor time of the dashboard: {each:.3f} s for each.\n"
        f"Memory of the dashboard: {before:.0f} MiB before, {peak:.0f} at most, "
        f"{memory[-1][1]:.0f} at the end; {growth(memory):+.1%} in the last third of the time.\n"
        f"Errors: {len(errors)}. Load: {os.getloadavg()[0]:.1f}."
    )
    for error in dict.fromkeys(errors):
        print(error)


def _row(name: str, seconds: Sequence[float]) -> None:
    if seconds:
        ordered = sorted(seconds)
        high = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        print(
            f"| {name} | {len(ordered)} | {statistics.median(ordered):.2f} | {high:.2f} | "
            f"{ordered[-1]:.2f} |"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tabs", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--think", type=float, default=4)
    return parser.parse_args()


if __name__ == "__main__":
    main()
