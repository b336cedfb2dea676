"""Several hosts with one folder of artifacts and one PostgreSQL, which is started again and again.

A host is a namespace of its own host name (`unshare --uts`), all on this machine.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import waiting

from usable_core import tasks
from usable_core.runs import RunStore, Status
from usable_core.runs.database import forget

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]
RESTARTS, DRIVERS, DASHBOARDS, MOST_CONNECTIONS = 5, 16, 2, 40
ASK = """
from waiting import WaitConfig
from usable_core import jobs
for name in {names}:
    print(jobs.start(WaitConfig(name=name)))
"""
DRIVE = """
import os, sys, time
from waiting import WaitConfig
from usable_core import jobs
from usable_core.runs import RunStore
sys.stdin.readline()
run, _ = jobs.run_here(WaitConfig(name={name}, steps=40))
print(run.id)
"""
LOOK = """
import threading
from usable_core import jobs
from usable_core.runs import RunStore
def tab():
    while not over.is_set():
        jobs.recover()
        RunStore().listing(limit=50)
        over.wait(0.5)
over = threading.Event()
tabs = [threading.Thread(target=tab) for _ in range(8)]
for one in tabs: one.start()
input()
over.set()
for one in tabs: one.join()
"""


@pytest.fixture(autouse=True)
def paths(monkeypatch):
    here = Path(__file__).parent
    places = [str(here / "every_process"), str(here), str(ROOT)]
    monkeypatch.setitem(tasks.TASKS, "wait", waiting.TASK)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    monkeypatch.setenv("USABLE_DEVICE", "cpu")
    yield
    forget()


def python(code: str, **options: object) -> subprocess.Popen:
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([*options.pop("before", ()), sys.executable, "-c", code], **streams)


def on(host: str) -> list[str]:
    before = ["unshare", "--uts", "sh", "-c", f'hostname {host} && exec "$@"', "sh"]
    done = subprocess.run([*before, "true"], capture_output=True)
    if done.returncode:
        pytest.skip("needs the right to make a namespace of host names (unshare --uts)")
    return before


def until(condition: Callable[[], bool], seconds: float = 150.0) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)


def test_two_hosts_work_at_once_through_five_restarts_of_the_server(team_store):
    asked = {"anna": python(ASK.format(names=(0, 1)), before=on("anna"))}
    asked["bert"] = python(ASK.format(names=(2, 3)), before=on("bert"))
    ids = {host: process.communicate()[0].split() for host, process in asked.items()}
    store = RunStore()
    assert [len(found) for found in ids.values()] == [2, 2]

    until(lambda: sum(run.done > 0 for run in store.list()) >= 2)  # one on each machine
    for _ in range(RESTARTS):
        time.sleep(3.0)
        team_store.stop()
        time.sleep(2.0)
        team_store.start()
    until(lambda: all(run.status.is_over for run in store.list()))

    runs = {host: [store.get(run_id) for run_id in found] for host, found in ids.items()}
    logs = "\n".join(store.log_path(run.id).read_text() for run in store.list())
    for host, (first, second) in runs.items():
        assert [first.status, second.status] == [Status.DONE] * 2, logs
        assert [first.host, second.host] == [host] * 2
        assert [first.done, second.done] == [60, 60]
        assert first.finished <= second.started  # one at a time on each machine
    anna, bert = runs.values()
    assert max(anna[0].started, bert[0].started) < min(anna[0].finished, bert[0].finished)
    assert "The progress is not stored, again tried in" in logs
    assert "Traceback" not in logs


def test_sixteen_drivers_and_two_dashboards_take_forty_connections_at_most(team_store):
    drivers = [python(DRIVE.format(name=name)) for name in range(DRIVERS)]
    dashboards = [python(LOOK) for _ in range(DASHBOARDS)]
    counted, over = [], threading.Event()

    def count():
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'usable'"
        while not over.wait(0.2):
            counted.append(team_store.run(query)[0][0])

    counting = threading.Thread(target=count)
    counting.start()
    for driver in drivers:
        driver.stdin.write("go\n")
        driver.stdin.flush()
    ids = [driver.communicate()[0].strip() for driver in drivers]
    over.set()
    counting.join()
    for dashboard in dashboards:
        dashboard.communicate("over\n")

    assert {RunStore().get(run_id).status for run_id in ids} == {Status.DONE}
    assert len(set(ids)) == DRIVERS
    assert DRIVERS < max(counted) <= MOST_CONNECTIONS
    assert [driver.returncode for driver in (*drivers, *dashboards)] == [0] * 18
