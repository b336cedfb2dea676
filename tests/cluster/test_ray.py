"""Whoever measures the parts, whatever becomes of them: the records are those of one process."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import network
import pytest
from faults import lives
from network import ADDRESS, ROOT, Network, wait_until

from usable_core.runs import RunStore, Status

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not network.is_possible(), reason="needs Ray and namespaces of Linux"),
]
KINDS = ("accuracy", "corruption", "robustness", "explanation", "texts", "attacked texts")


class Driver:
    """A process that works on runs, see `driver.py`."""

    def __init__(self, net):
        piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.log = Path(net.folder, "driver.txt")
        with self.log.open("a") as errors:
            here = Path(__file__).with_name("driver.py")
            self._process = net.start([sys.executable, here], stderr=errors, **piped)
        assert self._said() == "ready"

    def begin(self, kind, home, **order):
        """Have it work on a question."""
        said = json.dumps({"kind": kind, "home": str(home), **order})
        self._process.stdin.write(f"{said}\n".encode())
        self._process.stdin.flush()

    def end(self):
        """Return how the work ended."""
        found = self._said()
        assert "bug" not in found, found["bug"]
        return found

    def kill(self):
        """End it by kill -9, as its own process and not by the one that let it in."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def pids(self):
        """Return its process and those that let it in."""
        found, waiting = [], [self._process.pid]
        while waiting:
            found.append(waiting.pop())
            waiting += network.children_of(found[-1])
        return found

    def _said(self):
        line = self._process.stdout.readline()
        assert line, self.log.read_text()[-3000:]
        return json.loads(line)


@pytest.fixture(scope="module")
def net():
    found = Network()
    try:
        found.add("alpha")
        yield found
    finally:
        found.end()


@pytest.fixture(scope="module")
def drivers(net):
    """The process that works on runs; another one where that was killed."""
    found = []

    def one():
        if not found:
            found.append(Driver(net))
        return found[0]

    one.forget = found.clear
    return one


@pytest.fixture(scope="module")
def expected(drivers, tmp_path_factory):
    """The answer of one process to each kind of question, and its files."""
    known = {}

    def of(kind):
        if kind not in known:
            home = tmp_path_factory.mktemp("alone")
            drivers().begin(kind, home)
            known[kind] = home, drivers().end()["run"]
        return known[kind]

    return of


def check(home, run_id, expected):
    """An answer is the expected one, in every column, and so are its files."""
    alone, other = expected
    ours, theirs = (RunStore(home=h).get(i) for h, i in ((home, run_id), (alone, other)))
    assert ours.status is Status.DONE
    found, wanted = lives.answer_of(home, ours), lives.answer_of(alone, theirs)
    hosts = found[1].pop("hosts")
    wanted[1].pop("hosts")
    lives.check_same(found, wanted)
    assert lives.beside(home, ours) == lives.beside(alone, theirs)
    return hosts


def asked(driver, kind, home, **order):
    driver.begin(kind, home, ray=ADDRESS, **order)
    return driver.end()["run"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_worker_finds_what_one_process_does(kind, net, drivers, expected, tmp_path):
    wanted = expected(kind)

    hosts = check(tmp_path, asked(drivers(), kind, tmp_path), wanted)

    assert hosts == ["alpha"]


@pytest.fixture
def second(net):
    """Return the host of a second node, another one where the last was killed."""
    if not hasattr(net, "second"):
        net.second = f"beta{len(net.nodes)}"
        net.add(net.second)
    yield net.second
    if net.second not in net.nodes:
        del net.second


@pytest.mark.parametrize("size", [32, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_two_nodes_and_parts_of_any_size_find_it_too(
    kind, size, second, drivers, expected, tmp_path
):
    wanted = expected(kind)

    run = asked(drivers(), kind, tmp_path, size=size)

    assert set(check(tmp_path, run, wanted)) <= {"alpha", second}


def parts_of(home):
    return [path.name for path in home.glob("runs/*/shards/*.parquet")]


def at_work(net, host):
    """Wait until a node measures, and a moment longer."""
    wait_until(lambda: net.workers(host))
    time.sleep(random.random())


def kill_worker(net, host):
    workers = net.workers(host)
    if workers:
        os.kill(random.choice(workers), signal.SIGKILL)


def kill_node(net, host):
    net.kill(host)
    del net.nodes[host]


def stop_node(net, host):
    net.kill(host, signal.SIGSTOP)


@pytest.mark.parametrize("turn", range(2))
@pytest.mark.parametrize("harm", [kill_worker, kill_node, stop_node])
def test_what_becomes_of_a_node_changes_nothing(
    harm, turn, net, second, drivers, expected, tmp_path
):
    wanted = expected("corruption")
    drivers().begin("corruption", tmp_path, ray=ADDRESS, seconds=0.5)
    at_work(net, second)

    harm(net, second)
    found = drivers().end()

    check(tmp_path, found["run"], wanted)
    if harm is stop_node:
        kill_node(net, second)


def test_a_killed_run_goes_on_from_its_parts(net, second, drivers, expected, tmp_path):
    wanted = expected("corruption")
    drivers().begin("corruption", tmp_path, ray=ADDRESS, seconds=0.5)
    wait_until(lambda: len(parts_of(tmp_path)) > 3)

    drivers().kill()
    before = {name.partition(".")[0] for name in parts_of(tmp_path)}
    drivers.forget()
    drivers().begin("corruption", tmp_path, ray=ADDRESS, seconds=0.5)
    found = drivers().end()

    after = {f"{example:09d}-{step:05d}" for example, step, _ in found["stored"]}
    assert len(before) > 3
    assert after
    assert not before & after
    check(tmp_path, found["run"], wanted)
    (lost,) = (r for r in RunStore(home=tmp_path).list() if r.id != found["run"])
    assert lost.status is Status.LOST


def test_a_node_that_comes_later_gets_parts(net, drivers, expected, tmp_path):
    wanted, hold = expected("corruption"), tmp_path / "hold"
    hold.touch()
    order = {"ray": ADDRESS, "seconds": 0.5, "hold": str(hold)}
    drivers().begin("corruption", tmp_path / "home", **order)
    wait_until(lambda: len(parts_of(tmp_path / "home")) > 1)

    net.add("late")
    hold.unlink()
    found = drivers().end()

    assert "late" in check(tmp_path / "home", found["run"], wanted)
    kill_node(net, "late")


def test_a_cancelled_run_leaves_no_worker_at_work(net, second, drivers, tmp_path):
    drivers().begin("corruption", tmp_path, ray=ADDRESS, seconds=5.0)
    at_work(net, second)
    store = RunStore(home=tmp_path)
    (run,) = store.list()

    store.request_cancel(run.id)
    found = drivers().end()

    assert found["error"].startswith("Cancelled.")
    assert store.get(run.id).status is Status.CANCELLED
    wait_until(lambda: not (net.workers("alpha") or net.workers(second)))


def test_a_node_with_other_code_is_refused_by_name(net, drivers, tmp_path):
    copy = tmp_path / "other" / "usable_core"
    shutil.copytree(ROOT / "usable_core", copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "randomness.py").open("a") as file:
        file.write("# changed\n")
    net.add("other", environment={"PYTHONPATH": str(copy.parent)})

    drivers().begin("corruption", tmp_path, ray=ADDRESS, seconds=0.5)
    found = drivers().end()

    assert "Node other has Usable's code" in found["error"]
    kill_node(net, "other")
