"""Jobs end as they should: answered, failed by a sentence, cancelled, or found lost."""

import errno
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torchvision  # noqa: F401
from filelock import FileLock

from usable_core import answering, jobs, tasks
from usable_core.errors import (
    Cancelled,
    DatasetRefused,
    StorageError,
    UnknownName,
    UsableError,
)
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.jobs import execution
from usable_core.jobs import queue as job_queue
from usable_core.jobs.locks import accelerator_lock, accelerators
from usable_core.jobs.processes import is_alive
from usable_core.runs import RunStore, Status, living
from usable_core.runs.living import is_held, let_go, lock_path, working_on

pytestmark = pytest.mark.usefixtures("each_store")

# A package that is loaded, as `torchvision` is here, is asked for its names by the job alone.
REAL = AccuracyConfig(ModelSpec("torchvision/no_such_model"), DatasetSpec("digits"))


@dataclass(frozen=True)
class CountConfig:
    model: ModelSpec = ModelSpec("bundled/resnet")
    steps: int = 3
    does: str = "count"


@dataclass(frozen=True)
class CountResult:
    config: CountConfig
    records: pd.DataFrame

    def summary(self):
        return {"count": len(self.records)}


counted = []


def count(*, model, config, report, folder):
    """What the fake task does; `config.does` names the accident."""
    counted.append(config)
    (folder / "map.npy").write_bytes(b"half")
    for step in range(config.steps):
        report(step + 1, config.steps, "Counting", loss=1.0 / (step + 1))
    if config.does == "refuse":
        raise DatasetRefused("The folder has one class. Give at least two.")
    if config.does == "break":
        raise ZeroDivisionError("secret detail")
    if config.does == "fill the disk":
        raise OSError(errno.ENOSPC, "No space left on device")
    if config.does == "be interrupted":
        raise KeyboardInterrupt
    if config.does == "be ended":
        parts = folder / "shards"
        if (parts / "0.parquet").is_file():
            return CountResult(config, pd.DataFrame({"value": [len(list(parts.iterdir()))]}))
        parts.mkdir()
        (parts / "0.parquet").write_bytes(b"done")
        raise SystemExit(143)
    if config.does == "wait":
        for _ in range(400):
            time.sleep(0.05)
            report(config.steps, config.steps, "Waiting")
    if config.does == "have a part":
        jobs.run_here(CountConfig(does="wait"), report, parent=folder.name)
    return CountResult(config, pd.DataFrame({"value": range(config.steps)}))


@pytest.fixture(autouse=True)
def count_task(monkeypatch):
    row = tasks.Task("Count", CountConfig, CountResult, f"{__name__}:count")
    monkeypatch.setitem(tasks.TASKS, "count", row)
    model = SimpleNamespace(fingerprint="abc", require_classes=lambda: None)
    monkeypatch.setattr(answering, "resolve", lambda config: {"model": model})
    monkeypatch.setattr(answering, "key", lambda config, objects: f"{config.steps} {config.does}")
    counted.clear()


@pytest.fixture
def no_process(monkeypatch):
    """Jobs that are started on paper only; `pid` 2**22 + 1 lives nowhere."""
    started = []

    def spawn(arguments, log):
        started.append(arguments)
        return SimpleNamespace(pid=2**22 + 1)

    monkeypatch.setattr(jobs, "spawn", spawn)
    return started


def wait_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def killed(store, run):
    """Make a run RUNNING, and its process vanish."""
    store.start(run.id, os.getpid())
    let_go(store.home, run.id)


def only_run():
    (run,) = RunStore().list()
    return run


def test_a_question_asked_here_leaves_a_run_with_its_answer():
    told = []

    run, result = jobs.run_here(CountConfig(), lambda *step, **metrics: told.append(step))

    assert run.status is Status.DONE
    assert (run.done, run.total, run.summary) == (3, 3, {"count": 3})
    assert len(result.records) == 3
    assert (3, 3, "Counting") in told
    events = RunStore().events(run.id)
    assert events["loss"].dropna().iloc[-1] == pytest.approx(1 / 3)


def test_the_same_question_is_answered_from_the_store_and_says_so():
    first, _ = jobs.run_here(CountConfig())

    second, result = jobs.run_here(CountConfig())
    other, _ = jobs.run_here(CountConfig(steps=4))

    assert second.answered_by == first.id
    assert "Answered from the store" in second.message
    assert second.summary == first.summary
    assert len(result.records) == 3
    assert other.answered_by is None
    assert [config.steps for config in counted] == [3, 4]


def test_a_killed_run_is_gone_on_from_by_the_next_that_asks_the_same():
    with pytest.raises(SystemExit):
        jobs.run_here(CountConfig(does="be ended"))
    killed = only_run()

    told = []
    run, result = jobs.run_here(
        CountConfig(does="be ended"), lambda *step, **metrics: told.append(step[2])
    )

    assert RunStore().get(killed.id).status is Status.LOST
    assert run.status is Status.DONE
    assert result.records["value"].tolist() == [1]
    assert any("Going on" in message for message in told)
    assert not (RunStore().folder(killed.id) / "shards").exists(), "they have moved"
    assert not (RunStore().folder(run.id) / "shards").exists(), "the answer holds what they held"


def test_a_run_that_ended_early_is_joined_to_the_one_that_has_the_answer():
    store = RunStore()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            jobs.run_here(CountConfig(does="be interrupted"))
    with pytest.raises(SystemExit):
        jobs.run_here(CountConfig(does="be ended"))
    before_its_key = store.create(CountConfig(does="be ended"))
    killed(store, before_its_key)
    assert len(store.list()) == 5
    ended = [r.id for r in store.list() if r.config.does == "be ended"]

    run, _ = jobs.run_here(CountConfig(does="be ended"))

    assert [r.id for r in store.list() if r.config.does == "be ended"] == [run.id]
    assert store.listing().total == 4
    for run_id in ended:
        assert (store.get(run_id).status, store.get(run_id).answered_by) == (Status.LOST, run.id)
        with pytest.raises(StorageError, match=run.id):
            store.load(run_id)
    store.delete(run.id)
    for run_id in ended:
        with pytest.raises(UnknownName):
            store.get(run_id)
    assert len(store.list()) == 3


def test_joined_runs_pass_with_the_answer_to_its_heir():
    store = RunStore()
    with pytest.raises(SystemExit):
        jobs.run_here(CountConfig(does="be ended"))
    lost = only_run()
    first, _ = jobs.run_here(CountConfig(does="be ended"))
    second, _ = jobs.run_here(CountConfig(does="be ended"))

    store.delete(first.id)

    assert store.get(second.id).answered_by is None
    assert store.get(lost.id).answered_by == second.id
    assert len(store.load(second.id).records) == 1


@pytest.mark.parametrize(
    ("ending", "status"), [("cancelled", Status.CANCELLED), ("failed", Status.FAILED)]
)
def test_finished_parts_outlive_a_cancel_and_a_failure_that_can_be_mended(ending, status):
    store = RunStore()
    with pytest.raises(SystemExit):
        jobs.run_here(CountConfig(does="be ended"))
    run = only_run()
    if ending == "cancelled":
        store.cancelled(run.id)
        assert "it goes on from its finished parts" in store.get(run.id).message
    else:
        store.fail(run.id, "The disk is full.")

    again, result = jobs.run_here(CountConfig(does="be ended"))

    assert store.get(run.id).status is status
    assert again.status is Status.DONE
    assert result.records["value"].tolist() == [1]


def test_a_mistake_of_ours_does_not_wait_for_who_goes_on():
    store = RunStore()
    with pytest.raises(SystemExit):
        jobs.run_here(CountConfig(does="be ended"))

    store.fail(only_run().id, "It broke.", "Traceback", keep_parts=False)

    with pytest.raises(SystemExit):
        jobs.run_here(CountConfig(does="be ended"))


def test_parts_of_another_question_are_left_alone():
    with pytest.raises(SystemExit):
        jobs.run_here(CountConfig(does="be ended", steps=1))

    with pytest.raises(SystemExit):
        jobs.run_here(CountConfig(does="be ended", steps=2))


def test_a_users_mistake_fails_the_run_with_its_sentence():
    with pytest.raises(DatasetRefused):
        jobs.run_here(CountConfig(does="refuse"))

    run = only_run()
    assert run.status is Status.FAILED
    assert run.error == "The folder has one class. Give at least two."


def test_our_mistake_fails_the_run_with_a_plain_sentence_and_a_traceback_in_the_log():
    with pytest.raises(ZeroDivisionError):
        jobs.run_here(CountConfig(does="break"))

    run, store = only_run(), RunStore()
    assert run.status is Status.FAILED
    assert "ZeroDivisionError" in run.error
    assert "secret detail" not in run.error
    assert "Traceback" not in run.error
    assert "secret detail" in store.log_path(run.id).read_text()
    assert "secret detail" in store.row(run.id)["traceback"]


def test_a_full_disk_fails_the_run_with_a_sentence_and_leaves_nothing_half_written():
    with pytest.raises(StorageError, match="disk is full"):
        jobs.run_here(CountConfig(does="fill the disk"))

    run, store = only_run(), RunStore()
    assert run.status is Status.FAILED
    assert run.error.startswith("The disk is full")
    assert {p.name for p in store.folder(run.id).iterdir()} <= {"log.txt", "events.jsonl"}


def test_an_interrupted_run_is_cancelled_and_an_ended_one_lost():
    with pytest.raises(KeyboardInterrupt):
        jobs.run_here(CountConfig(does="be interrupted"))
    with pytest.raises(SystemExit):
        jobs.run_here(CountConfig(does="be ended"))

    assert [r.status for r in RunStore().list()] == [Status.LOST, Status.CANCELLED]


def test_a_cancel_stops_a_running_run_and_removes_its_artifacts():
    ended = []

    def work():
        try:
            jobs.run_here(CountConfig(does="wait"))
        except Cancelled:
            ended.append("cancelled")

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: any(r.status is Status.RUNNING and r.done == 3 for r in RunStore().list()))
    jobs.cancel(only_run().id)
    thread.join(20)

    run = only_run()
    assert ended == ["cancelled"]
    assert run.status is Status.CANCELLED
    assert not (RunStore().folder(run.id) / "map.npy").exists()


def test_a_cancel_of_a_run_ends_the_part_that_it_is_working_on():
    def work():
        with pytest.raises(Cancelled):
            jobs.run_here(CountConfig(does="have a part"))

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: any(r.parent and r.done == 3 for r in RunStore().list()))
    part, parent = RunStore().list()
    jobs.cancel(parent.id)
    thread.join(20)

    assert part.parent == parent.id
    assert [r.status for r in RunStore().list()] == [Status.CANCELLED, Status.CANCELLED]


def test_the_heartbeat_goes_on_while_the_work_says_nothing(monkeypatch):
    monkeypatch.setattr(execution, "HEARTBEAT_SECONDS", 0.05)
    store = RunStore()
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())
    before = store.get(run.id).heartbeat

    with execution.Heartbeat(store, run.id, may_kill=False):
        wait_until(lambda: store.get(run.id).heartbeat > before, 10)


def test_a_job_that_does_not_listen_is_ended_after_the_grace(monkeypatch):
    monkeypatch.setattr(execution, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(execution, "GRACE_SECONDS", 0.2)
    ended = threading.Event()
    monkeypatch.setattr(execution, "_end_process", ended.set)
    store = RunStore()
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())

    with execution.Heartbeat(store, run.id, may_kill=True):
        assert not ended.wait(0.5)
        jobs.cancel(run.id)
        assert ended.wait(10)

    assert store.get(run.id).status is Status.CANCELLED


def test_a_run_whose_process_is_gone_is_lost(no_process):
    store = RunStore()
    dead, alive = store.create(CountConfig()), store.create(CountConfig())
    store.start(dead.id, os.getpid())  # a number that another program has by now
    store.start(alive.id, os.getpid())
    let_go(store.home, dead.id)

    jobs.recover()
    assert store.get(alive.id).status is Status.RUNNING

    assert store.get(dead.id).status is Status.LOST
    assert "ended without a word" in store.get(dead.id).error


def test_a_dead_run_is_lost_whoever_looks(no_process):
    store = RunStore()
    looks = {
        "get": lambda run_id: store.get(run_id).status,
        "list": lambda run_id: store.list()[0].status,
        "listing": lambda run_id: store.listing().runs[0].status,
        "children": lambda run_id: store.children(parent.id)[-1].status,
        "recover": lambda run_id: (jobs.recover(), store.row(run_id)["status"])[1],
    }
    parent = store.create(CountConfig())

    for look in looks.values():
        run = store.create(CountConfig(), parent=parent.id)
        killed(store, run)
        assert look(run.id) == Status.LOST
        assert store.row(run.id)["status"] == Status.LOST

    run = store.create(CountConfig())
    killed(store, run)
    store.delete(run.id)
    with pytest.raises(UnknownName):
        store.get(run.id)


@pytest.mark.parametrize("jump", [-86_400.0, -60.0, 60.0, 3600.0, 86_400.0])
def test_a_clock_that_is_set_confuses_nobody(no_process, monkeypatch, jump):
    store, real = RunStore(), time.time
    earlier = store.create(CountConfig())
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    jobs.recover()
    assert store.get(run.id).status is Status.RUNNING
    store.progress(run.id, 1, 3, "Counting")
    assert 0 <= store.get(run.id).seconds < 30
    later = store.create(CountConfig())
    assert [r.id for r in store.list()] == [later.id, run.id, earlier.id]
    store.cancelled(run.id)

    assert 0 <= store.get(run.id).seconds < 30


def test_a_run_of_another_machine_is_lost_by_its_silence_alone(no_process, monkeypatch):
    store = RunStore()
    run = store.create(CountConfig())
    with monkeypatch.context() as patch:
        patch.setattr(living.socket, "gethostname", lambda: "elsewhere")
        killed(store, run)
    now = time.time()

    for silence, status in ((500, Status.RUNNING), (700, Status.LOST)):
        monkeypatch.setattr(time, "time", lambda at=silence: now + at)
        assert store.get(run.id).status is status


def test_only_one_process_works_on_a_run(no_process):
    store = RunStore()
    run = store.create(CountConfig())

    with working_on(store.home, run.id):
        done = subprocess.run(
            [sys.executable, "-m", "usable_core.jobs", "run", run.id],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    assert "works on run" in done.stderr
    assert store.get(run.id).status is Status.QUEUED
    assert not lock_path(store.home, run.id).exists()


def test_a_waiting_job_whose_process_died_is_started_again_but_not_forever(no_process):
    run_id = jobs.start(CountConfig())

    jobs.recover()
    jobs.recover()
    assert no_process == [["run", run_id]] * 3
    assert RunStore().get(run_id).status is Status.QUEUED

    jobs.recover()
    assert len(no_process) == 3
    assert RunStore().get(run_id).status is Status.LOST


def test_a_job_is_lost_rather_than_waiting_when_no_process_can_be_started(monkeypatch):
    def refuse(arguments, log):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(jobs, "spawn", refuse)

    with pytest.raises(StorageError, match="No process could be started"):
        jobs.start(CountConfig())

    assert only_run().status is Status.FAILED


def test_jobs_take_turns_in_the_order_in_which_they_were_asked(no_process):
    first, second = jobs.start(CountConfig()), jobs.start(CountConfig(steps=5))

    assert (jobs.queue_position(first), jobs.queue_position(second)) == (0, 1)
    jobs.cancel(first)
    assert (jobs.queue_position(first), jobs.queue_position(second)) == (None, 0)
    with pytest.raises(UnknownName):
        jobs.queue_position("nothing")


def test_machines_that_share_a_store_do_not_wait_for_each_other(no_process, monkeypatch):
    first, second = jobs.start(CountConfig()), jobs.start(CountConfig(steps=5))
    lock = accelerator_lock(None)
    with monkeypatch.context() as patch:
        patch.setattr(living.socket, "gethostname", lambda: "elsewhere")
        third = jobs.start(CountConfig(steps=7))
        with lock, accelerator_lock(None).acquire(blocking=False):
            pass

    assert [jobs.queue_position(one) for one in (first, second, third)] == [0, 1, 0]


def test_a_job_waits_until_the_accelerator_is_free_and_a_cancel_ends_the_waiting(no_process):
    store, run_id = RunStore(), jobs.start(CountConfig())
    outcome = []

    def wait():
        try:
            with job_queue.wait_for_turn(store, run_id):
                outcome.append("turn")
        except Cancelled:
            outcome.append("cancelled")

    with accelerator_lock(None):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.7)
        assert outcome == []
        jobs.cancel(run_id)
        thread.join(10)

    assert outcome == ["cancelled"]
    run_id = jobs.start(CountConfig())
    with job_queue.wait_for_turn(store, run_id):
        assert is_held(Path(accelerator_lock(None).lock_file))
    assert not is_held(Path(accelerator_lock(None).lock_file))


def test_a_training_of_several_processes_waits_for_as_many_devices(no_process, monkeypatch):
    monkeypatch.delenv("USABLE_DEVICE", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    schedule = Schedule(processes=2)
    shared = PretrainingConfig("small_vit", DatasetSpec("digits"), schedule)
    store, run_id = RunStore(), jobs.start(shared)
    turns = []

    def wait():
        with job_queue.wait_for_turn(store, run_id):
            turns.append(os.environ["CUDA_VISIBLE_DEVICES"])

    with accelerator_lock("0"):
        with accelerator_lock("1"):
            thread = threading.Thread(target=wait)
            thread.start()
            time.sleep(0.7)
            assert turns == []
            assert not is_held(Path(accelerator_lock("2").lock_file)), "one alone is of no use"
        thread.join(10)

    assert turns == ["1,2"]


def test_a_lock_is_held_until_it_is_released_or_its_process_dies(tmp_path):
    path = tmp_path / "a.lock"
    assert not is_held(path)
    with FileLock(path):
        assert is_held(path)
    assert not is_held(path)

    code = (
        f"import filelock, time\nlock = filelock.FileLock({str(path)!r})\nlock.acquire()\n"
        "print('held', flush=True)\ntime.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    holder.stdout.readline()
    assert is_held(path)
    holder.kill()
    holder.wait()
    assert not is_held(path)


def test_every_visible_cuda_device_takes_a_job(monkeypatch):
    monkeypatch.delenv("USABLE_DEVICE", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert accelerators() == ("2", "3")

    monkeypatch.setenv("USABLE_DEVICE", "cpu")
    assert accelerators() == (None,)


def test_a_job_runs_in_its_own_process_and_its_failure_comes_back_as_a_sentence():
    run_id = jobs.start(REAL)
    store = RunStore()

    wait_until(lambda: store.get(run_id).status.is_over)

    run = store.get(run_id)
    assert run.status is Status.FAILED, store.log_path(run_id).read_text()
    assert "no_such_model" in run.error
    assert run.pid != os.getpid()


def test_a_job_that_waits_stays_light_and_a_cancel_ends_its_process():
    store = RunStore()
    with accelerator_lock(None):
        run_id = jobs.start(REAL)
        wait_until(lambda: store.row(run_id)["pid"])
        pid = store.row(run_id)["pid"]
        time.sleep(3)
        maps = f"/proc/{pid}/maps"
        if os.path.exists(maps):  # noqa: PTH110 - a kernel file
            with open(maps) as file:  # noqa: PTH123
                assert "libtorch" not in file.read()
        assert os.getpgid(pid) == pid != os.getpgid(0)
        jobs.cancel(run_id)
        wait_until(lambda: not is_alive(pid))

    assert store.get(run_id).status is Status.CANCELLED


def test_a_killed_job_is_lost():
    store = RunStore()
    run = store.create(CountConfig())
    code = (
        "import os, time\nfrom usable_core.runs import RunStore\n"
        f"RunStore().start({run.id!r}, os.getpid())\nprint('held', flush=True)\ntime.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    worker.stdout.readline()
    jobs.recover()
    assert store.get(run.id).status is Status.RUNNING

    worker.kill()
    worker.wait()

    assert store.get(run.id).status is Status.LOST


MISSPELT = [
    AccuracyConfig(ModelSpec("bundeld/resnet"), DatasetSpec("digits")),
    AccuracyConfig(ModelSpec("bundled/resnt"), DatasetSpec("digits")),
    AccuracyConfig(ModelSpec("run/nothing"), DatasetSpec("digits")),
    AccuracyConfig(ModelSpec("file/nowhere.pt2", trust=True), DatasetSpec("digits")),
    AccuracyConfig(ModelSpec("torchvision/resnet18", weights="nowhere"), DatasetSpec("digits")),
    AccuracyConfig(ModelSpec("bundled/resnet"), DatasetSpec("digts")),
    AccuracyConfig(ModelSpec("bundled/resnet"), DatasetSpec("no/such/folder")),
    FineTuningConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits"), source=DatasetSpec("cfar10")),
]


@pytest.mark.parametrize("config", MISSPELT, ids=lambda config: str(config)[:70])
@pytest.mark.parametrize("ask", [jobs.start, jobs.run_here])
def test_a_misspelt_name_is_refused_and_leaves_no_run(ask, config):
    with pytest.raises(UsableError):
        ask(config)

    assert RunStore().list() == []


def test_a_name_that_only_its_source_knows_leaves_no_run_either(monkeypatch):
    def unknown(config):
        raise UnknownName("torchvision model", "resnet19", ["resnet18"])

    monkeypatch.setattr(answering, "resolve", unknown)
    with pytest.raises(UnknownName, match="resnet18"):
        jobs.run_here(AccuracyConfig(ModelSpec("torchvision/resnet19"), DatasetSpec("digits")))

    assert RunStore().list() == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_a_dead_process_that_nobody_has_asked_about_is_not_alive():
    process = subprocess.Popen([sys.executable, "-c", ""])
    try:
        wait_until(lambda: not is_alive(process.pid))
    finally:
        process.wait()
