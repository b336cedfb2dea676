"""A few tabs of one running dashboard, as `tests/faults/test_sessions.py` has many."""

import asyncio
import math
import sys
from pathlib import Path

import runs_at_hand

sys.path.append(str(Path(__file__).parents[2]))

from benchmarks.sessions import dashboard, finished, opened, resident
from dashboard.Home import PAGES
from usable_core import settings


async def rounds(tabs):
    """Each tab opens every page once, all tabs together."""

    async def one(tab):
        async with tab.connected() as connection:
            for page in PAGES:
                await tab.go(connection, page)

    await asyncio.gather(*map(one, tabs))


def test_tabs_of_one_dashboard_open_every_page(store):
    runs_at_hand.done(store)
    with dashboard(str(settings.home())) as (port, process):
        tabs = opened(3, port)
        finished(rounds(tabs))
        size = resident(process)

    assert [error for tab in tabs for error in tab.errors] == []
    assert all([page for page, _ in tab.reruns] == list(PAGES) for tab in tabs)
    assert math.isnan(size) or size < 500  # MiB: no page of the dashboard imports torch
