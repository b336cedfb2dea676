"""Many tabs of one dashboard: nothing fails, nothing hangs, and memory comes to rest.

The tabs are websockets that go from page to page by a seeded draw, each with the timers of its
page, over a store with runs in every state while jobs come, work and are deleted under them.
"""

import random
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "dashboard"))
sys.path.append(str(Path(__file__).parents[2]))

import runs_at_hand

from benchmarks.sessions import crowd, dashboard, finished, opened, queued
from dashboard.Home import PAGES
from usable_core import settings
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore

pytestmark = pytest.mark.faults
TABS, SECONDS = 15, 35.0
HANG = 60.0  # s: no figure of speed, for the machine may be busy
GROWTH = 40.0  # MiB between the last two thirds: some 500 reruns


def filled(store):
    """Runs in every state, and enough of them for several pages of the list."""
    runs_at_hand.done(store)
    runs_at_hand.failed(store, "Broken.")
    store.lose(runs_at_hand.running(store).id)
    for k in range(120):
        config = AccuracyConfig(ModelSpec("bundled/vit"), DatasetSpec("digits", seed=k))
        store.fail(store.create(config).id, "Broken.")


def meddled(store, over):
    """Make and delete runs until it is over, as another person on the machine would."""
    draw, ids = random.Random(0), [run.id for run in store.list() if run.status.is_over]
    while not over.wait(0.2):
        store.delete(ids.pop(draw.randrange(len(ids))))
        config = AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits"))
        ids.append(store.create(config).id)
        store.fail(ids[-1], "Broken.")


def test_many_tabs_over_a_busy_store_fail_nowhere_and_leave_memory_at_rest():
    store, over = RunStore(), threading.Event()
    filled(store)
    with (
        dashboard(str(settings.home())) as (port, process),
        queued(2),
        ThreadPoolExecutor(1) as others,
    ):
        tabs, meddling = opened(TABS, port), others.submit(meddled, store, over)
        try:
            memory = finished(crowd(tabs, SECONDS, 1.0, process))
        finally:
            over.set()
    meddling.result()

    assert [error for tab in tabs for error in tab.errors] == []
    assert all(tab.reruns for tab in tabs)
    assert {page for tab in tabs for page, _ in tab.reruns} == set(PAGES)
    assert max(seconds for tab in tabs for _, seconds in tab.reruns) < HANG
    middle, end = (
        [mib for moment, mib in memory if low <= moment / SECONDS < high]
        for low, high in ((1 / 3, 2 / 3), (2 / 3, 9))
    )
    assert statistics.median(end) - statistics.median(middle) < GROWTH


def test_tabs_that_come_and_go_are_forgotten():
    with dashboard(str(settings.home())) as (port, process):
        sizes = []
        for turn in range(4):
            tabs = opened(10, port)
            memory = finished(crowd(tabs, 2.5, 0.5, process))
            sizes.append(memory[-1][1])
            assert [error for tab in tabs for error in tab.errors] == [], turn
            time.sleep(0.5)

    assert sizes[3] - sizes[1] < GROWTH
