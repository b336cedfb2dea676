"""The store keeps questions, progress and answers, whole or not at all."""

import errno
import multiprocessing
import os
import sqlite3
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import pandas as pd
import pytest

from usable_core import files, settings, tasks
from usable_core.errors import Cancelled, CheckpointError, StorageError, UnknownName
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance, Refused
from usable_core.evaluations.training import FineTuningConfig, TrainingResult
from usable_core.runs import RunStore, Status, quotas
from usable_core.runs import store as store_module
from usable_core.runs.pace import seconds_left
from usable_core.runs.run import Wanted
from usable_core.runs.trained import model_files


@dataclass(frozen=True)
class CountConfig:
    model: ModelSpec = ModelSpec("bundled/none")
    steps: int = 3


@dataclass(frozen=True)
class CountResult:
    config: CountConfig
    provenance: Provenance
    records: pd.DataFrame

    def summary(self):
        return {"count": len(self.records), "mean": np.float64(self.records["value"].mean())}


PROVENANCE = Provenance(
    "bundled/none", "abc", "digits", "def", "test", ("cat", "dog"), (Refused("a.png", "torn"),)
)

pytestmark = pytest.mark.usefixtures("each_store")


@pytest.fixture
def count_task(monkeypatch):
    row = tasks.Task("Count", CountConfig, CountResult, "nowhere:count")
    monkeypatch.setitem(tasks.TASKS, "count", row)


@pytest.fixture
def store(count_task):
    return RunStore()


def result_of(config):
    frame = pd.DataFrame({"value": [1.0, 2.0, float("nan")], "id": ["a", "b", "c"]})
    return CountResult(config, PROVENANCE, frame)


def finished(store, config=None):
    run = store.create(config or CountConfig())
    store.start(run.id, os.getpid())
    store.finish(run.id, result_of(run.config))
    return store.get(run.id)


def test_a_question_survives_a_new_store_object(store):
    run = store.create(CountConfig(steps=7), title="Seven")

    again = RunStore().get(run.id)

    assert again == run
    assert (again.config.steps, again.title, again.status) == (7, "Seven", Status.QUEUED)
    assert again.model_name == "bundled/none"
    assert again.versions["numpy"] == np.__version__


def test_ids_sort_by_time_and_are_safe_in_an_address(store):
    ids = [store.create(CountConfig()).id for _ in range(5)]

    assert ids == sorted(ids)
    assert all(i.isalnum() and len(i) == 13 for i in ids)
    assert [run.id for run in store.list()] == ids[::-1]


def test_the_data_of_runs_are_named_once_newest_first(store):
    assert store.data_names() == []

    for name in ("first", None, "second", "first"):
        spec = DatasetSpec(name) if name else None
        model = ModelSpec("bundled/resnet")
        store.create(AccuracyConfig(model, spec) if spec else CountConfig())

    assert [name for name in store.data_names() if name in ("first", "second")] == [
        "first",
        "second",
    ]
    assert store.data_names(1) == ["first"]


@pytest.mark.parametrize("name", ["../../etc", "", "nothing", "a/b", "..", "x'; drop table runs"])
def test_an_unknown_id_is_refused_and_touches_no_file(store, name):
    for ask in (store.get, store.folder, store.load, store.delete, store.events, store.log_path):
        with pytest.raises(UnknownName):
            ask(name)


def test_the_answer_comes_back_as_it_was(store):
    run = finished(store, CountConfig(steps=4))

    loaded = store.load(run.id)

    assert loaded.config == CountConfig(steps=4)
    assert loaded.provenance == PROVENANCE
    pd.testing.assert_frame_equal(loaded.records, result_of(run.config).records, check_dtype=False)
    assert run.status is Status.DONE
    assert run.summary == {"count": 3, "mean": 1.5}


def test_a_training_result_comes_back_with_its_card_and_the_right_config(store, monkeypatch):
    config = FineTuningConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits"))
    card = {"labels": ["a", "b"], "seed": 0}
    monkeypatch.setattr(TrainingResult, "summary", lambda self: {}, raising=False)
    run = store.create(config)
    store.start(run.id, os.getpid())

    store.finish(run.id, TrainingResult(config, PROVENANCE, pd.DataFrame({"epoch": [1]}), card))

    loaded = store.load(run.id)
    assert loaded.card == card
    assert loaded.config == config


def test_progress_is_in_the_row_and_in_the_events(store):
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())

    store.progress(run.id, 1, 4, "first", loss=2.0)
    store.progress(run.id, 2, 4, "second", loss=float("nan"), accuracy=0.5)
    with (store.folder(run.id) / "events.jsonl").open("a") as file:
        file.write('{"time": 3, "do')

    now, events = store.get(run.id), store.events(run.id)
    assert (now.done, now.total, now.message) == (2, 4, "second")
    assert now.metrics == {"loss": None, "accuracy": 0.5}
    assert list(events["message"]) == ["first", "second"]
    assert events["loss"].tolist()[0] == 2.0
    assert np.isnan(events["loss"][1])
    assert str(events["time"].dt.tz) == "UTC"


def told(*steps, total=100):
    """Events of steps: seconds and how many are over."""
    rows = [{"time": pd.Timestamp(at, unit="s"), "done": n, "total": total} for at, n in steps]
    return pd.DataFrame(rows, columns=["time", "done", "total"])


@pytest.mark.parametrize(
    ("events", "left"),
    [
        (told((0, 0), (60, 1), (70, 11)), 89.0),  # a minute of loading counts for nothing
        (told((0, 5), (10, 10), (90, 2), (110, 22)), 78.0),  # begun again, at another pace
        (told((60, 1)), None),
        (told((60, 1), (61, 50)), None),
        (told((60, 1), (90, 1)), None),
        (told((0, 1), (9, 4), total=0), None),
        (told(), None),
    ],
)
def test_the_time_left_goes_by_the_steps_alone(events, left):
    assert seconds_left(events) == left


def test_a_run_without_events_has_an_empty_table_of_them(store):
    events = store.events(store.create(CountConfig()).id)

    assert len(events) == 0
    assert list(events.columns) == ["time", "done", "total", "message"]


def test_a_cancelled_run_cannot_be_started(store):
    run = store.create(CountConfig())

    store.request_cancel(run.id)

    assert store.get(run.id).status is Status.CANCELLED
    with pytest.raises(Cancelled):
        store.start(run.id, os.getpid())


def test_a_running_run_learns_that_it_should_stop(store):
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())
    assert not store.is_cancel_requested(run.id)

    store.request_cancel(run.id)

    assert store.is_cancel_requested(run.id)
    assert store.get(run.id).status is Status.RUNNING


def test_cancelling_a_run_cancels_its_parts(store):
    run = store.create(CountConfig())
    part = store.create(CountConfig(), parent=run.id)
    store.start(run.id, os.getpid())

    store.cancelled(run.id)

    assert store.get(part.id).status is Status.CANCELLED
    assert [child.id for child in store.children(run.id)] == [part.id]


def test_a_run_that_is_over_stays_as_it_ended(store):
    run = finished(store)

    store.lose(run.id)
    store.fail(run.id, "late")
    store.request_cancel(run.id)
    store.progress(run.id, 1, 1, "late")

    assert store.get(run.id).status is Status.DONE
    assert store.get(run.id).message == "Done"


def test_a_run_thought_lost_is_found_again_by_its_heartbeat(store):
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())
    store.lose(run.id)
    assert store.get(run.id).status is Status.LOST

    store.heartbeat(run.id)

    assert store.get(run.id).status is Status.RUNNING


@pytest.mark.parametrize("written", ["records.parquet", "result.json"])
def test_a_full_disk_while_saving_leaves_nothing_half_written(store, monkeypatch, written):
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())
    (store.folder(run.id) / "gallery").mkdir()
    real = os.fsync
    calls = []

    def full(handle):
        calls.append(handle)
        if len(calls) == (1 if written == "records.parquet" else 2):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        store.finish(run.id, result_of(run.config))

    assert store.get(run.id).status is Status.RUNNING
    assert list(store.folder(run.id).iterdir()) == []


def test_a_failed_run_says_why_and_keeps_the_traceback_out_of_sight(store):
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())

    store.fail(run.id, "The model is missing.", "Traceback: line 1")

    failed = store.get(run.id)
    assert (failed.status, failed.error) == (Status.FAILED, "The model is missing.")
    assert "Traceback" not in repr(failed)
    assert store.log_path(run.id).read_text() == "Traceback: line 1"
    with pytest.raises(StorageError, match="no result"):
        store.load(run.id)


def test_what_is_known_is_looked_up_once_however_many_runs_share_the_answer(store, monkeypatch):
    first, looked = finished(store), []
    for _ in range(4):
        store.answered_by(store.create(first.config).id, first)
    gone = store_module.artifacts.gone
    monkeypatch.setattr(
        store_module.artifacts, "gone", lambda *about: looked.append(about) or gone(*about)
    )
    another = replace(first.config, steps=7)

    assert store.known([first.config, another]) == [first.config]
    assert looked == [(store.folder(first.id), first.task)]

    (store.folder(first.id) / "records.parquet").unlink()
    assert store.known([first.config, another]) == []


def test_a_question_asked_again_is_answered_by_the_earlier_run(store):
    first = finished(store)
    second = store.create(CountConfig())
    store.start(second.id, os.getpid())

    store.answered_by(second.id, first)

    again = store.get(second.id)
    assert (again.answered_by, again.summary) == (first.id, first.summary)
    assert first.id in again.message
    assert store.folder(second.id) == store.folder(first.id)
    assert len(store.load(second.id).records) == 3


def test_only_an_answer_whose_files_exist_is_found_by_its_key(store):
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())
    store.set_key(run.id, "k")
    assert store.find("k") is None

    store.finish(run.id, result_of(run.config))
    assert store.find("k")[0].id == run.id

    (store.folder(run.id) / "result.json").unlink()
    assert store.find("k") is None


@pytest.mark.parametrize("makes_model", [False, True])
@pytest.mark.parametrize("is_listed", [True, False])
def test_an_answer_whose_files_are_gone_is_measured_anew_and_says_so(
    store, monkeypatch, makes_model, is_listed
):
    row = tasks.Task("Count", CountConfig, CountResult, "nowhere:count", makes_model=makes_model)
    monkeypatch.setitem(tasks.TASKS, "count", row)
    run = store.create(CountConfig())
    store.start(run.id, os.getpid())
    store.set_key(run.id, "k")
    folder = store.folder(run.id)
    names = ("model.safetensors", "card.json") if makes_model else ("gallery/3_1.png",)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"content")
    store.finish(run.id, result_of(run.config))
    if not is_listed:  # by the first versions
        (folder / "files.json").unlink()
    assert store.find("k") is not None
    assert store.gone(run.id) == ()

    for name in names:
        (folder / name).rename(folder / "away")
        is_noticed = is_listed or makes_model
        assert (store.find("k") is None) == is_noticed
        assert store.gone(run.id) == ((name,) if is_noticed else ())
        (folder / "away").rename(folder / name)

    assert len(store.load(run.id).records) == 3
    if makes_model:
        (folder / "model.safetensors").unlink()
        with pytest.raises(CheckpointError, match=r"model\.safetensors was deleted"):
            model_files(run.id)


def test_deleting_a_run_deletes_its_folder(store):
    run = finished(store)
    folder = store.folder(run.id)

    store.delete(run.id)

    assert not folder.exists()
    with pytest.raises(UnknownName):
        store.get(run.id)


def test_deleting_the_run_that_answered_others_keeps_their_answers(store):
    first = finished(store)
    others = [store.create(CountConfig()) for _ in range(2)]
    for other in others:
        store.start(other.id, os.getpid())
        store.answered_by(other.id, first)

    store.delete(first.id)

    assert [len(store.load(other.id).records) for other in others] == [3, 3]
    assert [store.get(other.id).answered_by for other in others] == [None, others[0].id]


def test_a_run_that_is_not_over_cannot_be_deleted(store):
    run = store.create(CountConfig())

    with pytest.raises(StorageError, match="Cancel it first"):
        store.delete(run.id)


def test_too_many_waiting_runs_are_refused(store, monkeypatch):
    monkeypatch.setattr(quotas, "QUOTA", 2)
    first = store.create(CountConfig())
    store.create(CountConfig())

    with pytest.raises(StorageError, match="At most 2"):
        store.create(CountConfig())

    store.create(CountConfig(), parent=first.id)


def test_runs_are_listed_by_task_and_status(store):
    done, waiting = finished(store), store.create(CountConfig())
    other = store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits")))

    assert [run.id for run in store.list("count")] == [waiting.id, done.id]
    assert [run.id for run in store.list(statuses=[Status.DONE])] == [done.id]
    assert store.get(other.id).title == "Accuracy of VGG on Digits"
    assert len(store.list(limit=2)) == 2


def _write_many(run_id, count):
    store = RunStore()
    for step in range(count):
        store.progress(run_id, step + 1, count, "step")


def test_several_processes_write_at_once(store):
    config = AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits"))
    ids = [store.create(config).id for _ in range(2)]
    context = multiprocessing.get_context("spawn")

    writers = [context.Process(target=_write_many, args=(i, 25)) for i in ids]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [store.get(i).done for i in ids] == [25, 25]
    if settings.database_url() == store.home / "runs.sqlite":
        with sqlite3.connect(store.home / "runs.sqlite") as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_results_of_accuracy_hold_only_what_the_store_can_rebuild():
    assert set(AccuracyResult.__dataclass_fields__) == {"config", "provenance", "records"}


def test_a_home_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("no folder")
    config = FineTuningConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits"))

    with pytest.raises(StorageError, match="USABLE_HOME"):
        RunStore(home=tmp_path / "file" / "home").create(config)


def shown(listing):
    return [run.title for run in listing.runs]


@pytest.fixture
def many(store):
    """Five runs of several kinds, whose titles are their numbers."""
    accuracy = AccuracyConfig(ModelSpec("timm/vit_tiny"), DatasetSpec("/data/Vögel_100%.zip"))
    tuning = FineTuningConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits"))
    for k, config in enumerate([CountConfig(), accuracy, tuning, CountConfig(), accuracy]):
        store.create(config, title=f"trial number{k}")
    store.request_cancel(store.list()[0].id)
    return store


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", [4, 3, 2, 1, 0]),
        ("trial", [4, 3, 2, 1, 0]),
        ("TRIAL NUMBER3", [3]),
        ("vit", [4, 1]),
        ("bundled", [3, 2, 0]),
        ("bundled digits", [2]),
        ("vögel", [4, 1]),
        ("VÖGEL", [4, 1]),
        ("100%", [4, 1]),
        ("1%0", []),
        ("1_0", []),
        ("cancelled", [4]),
        ("vit queued", [1]),
        ("finetune", [2]),
        ("reference", []),
        ("schema", []),
        ("x' OR 1=1 --", []),
    ],
)
def test_runs_are_searched_by_words_of_what_a_list_shows(many, search, expected):
    found = many.listing(Wanted(search=search))

    assert shown(found) == [f"trial number{k}" for k in expected]
    assert found.total == len(expected)
    assert [run.title for run in many.list(search=search)] == shown(found)


def test_the_id_of_a_run_is_searched_too(many):
    run = many.list()[2]

    assert [one.id for one in many.listing(Wanted(search=run.id)).runs] == [run.id]


def test_a_list_has_pages_that_hold_each_run_once(many):
    pages = [many.listing(limit=2, offset=offset) for offset in (0, 2, 4, 6)]

    assert [shown(page) for page in pages] == [
        ["trial number4", "trial number3"],
        ["trial number2", "trial number1"],
        ["trial number0"],
        [],
    ]
    assert {page.total for page in pages} == {5}
    assert [run.title for run in many.list(limit=2, offset=2)] == ["trial number2", "trial number1"]


def test_a_list_is_of_chosen_tasks_and_states(many):
    assert shown(many.listing(Wanted(tasks=["count", "finetune"]))) == [
        "trial number3",
        "trial number2",
        "trial number0",
    ]
    assert shown(many.listing(Wanted(statuses=[Status.CANCELLED]))) == ["trial number4"]
    assert shown(many.listing(Wanted(tasks=[], search="trial"))) == []


def test_a_list_shows_of_a_run_what_the_run_says(many):
    head, run = many.listing(limit=1).runs[0], many.list(limit=1)[0]

    assert {f.name: getattr(run, f.name) for f in fields(head)} == asdict(head)
    assert (head.model_name, head.data_name) == ("timm/vit_tiny", "/data/Vögel_100%.zip")


def test_a_list_reads_no_questions(many, monkeypatch):
    def parsed(*_):
        raise AssertionError("a question was parsed")

    monkeypatch.setattr(tasks, "config_from_json", parsed)

    assert many.listing().total == 5
