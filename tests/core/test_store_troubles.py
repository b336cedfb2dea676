"""A store that fails in whatever way is a sentence; the rest goes on, and answers are given."""

import contextlib
import json
import os
import sqlite3
import time
from dataclasses import dataclass
from types import SimpleNamespace

import made_stores
import pandas as pd
import pytest
from store_looks import damaged, look

from usable_core import answering, cli, jobs, tasks
from usable_core.errors import StorageError, StoreUnusable
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import execution
from usable_core.runs import RunStore, Status, columns
from usable_core.runs.database import forget

GENERATORS = {
    "files": made_stores.files_of_the_database,
    "forms": made_stores.forms_of_the_table,
    "rows": made_stores.rows,
    "queued rows": lambda: made_stores.rows(which=3),
    "questions": made_stores.questions,
    "artifacts": made_stores.artifacts,
    "places": made_stores.places,
}


@dataclass(frozen=True)
class CountConfig:
    model: ModelSpec = ModelSpec("bundled/resnet")
    steps: int = 3


@dataclass(frozen=True)
class CountResult:
    config: CountConfig
    records: pd.DataFrame

    def summary(self):
        return {"count": len(self.records)}


counted, accident = [], []


def count(*, model, config, report, folder):
    counted.append(folder)
    for step in range(config.steps):
        report(step + 1, config.steps, "Counting")
    for happen in accident:
        happen()
    return CountResult(config, pd.DataFrame({"value": range(config.steps)}))


@pytest.fixture(autouse=True)
def count_task(monkeypatch):
    row = tasks.Task("Count", CountConfig, CountResult, f"{__name__}:count")
    monkeypatch.setitem(tasks.TASKS, "count", row)
    model = SimpleNamespace(fingerprint="abc", require_classes=lambda: None)
    monkeypatch.setattr(answering, "resolve", lambda config: {"model": model})
    monkeypatch.setattr(answering, "key", lambda config, objects: f"{config.steps}")
    counted.clear()
    accident.clear()
    yield
    forget()


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_sample_of_all_that_can_be_wrong_is_a_sentence(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("USABLE_HOME", "")  # `look` sets it
    damages = list(GENERATORS[kind]())

    for _name, home in damaged(tmp_path, damages[2 :: len(damages) // 3]):
        with contextlib.suppress(StorageError):
            look(home)


def test_of_ids_that_are_no_text_none_is_offered(tmp_path, monkeypatch):
    monkeypatch.setenv("USABLE_HOME", "")
    damage = made_stores.cell("id", b"\xff", 3)

    for _name, home in damaged(tmp_path, [("id is bytes", damage)]):
        look(home)


def home_of(tmp_path, damage=None):
    ids = made_stores.sound(tmp_path / "home")
    if damage is not None:
        damage(tmp_path / "home")
    return ids


@pytest.mark.parametrize("column", ["status", "created", "task", "done"])
def test_the_readable_rows_are_listed_and_the_others_counted(column, tmp_path, capsys):
    ids = home_of(tmp_path)
    made_stores.cell(column, "\x00[", 1)(tmp_path / "home")

    assert cli.main(["runs", "list", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    listed = [run["id"] for run in json.loads(out)["runs"]]
    unknown = (
        column == "task"
    )  # a task of another version has its title, state and time all the same
    assert listed == [ids[3], ids[2], *([ids[1]] if unknown else []), ids[0]]
    assert err.count("\n") == (0 if unknown else 1)
    assert (
        unknown
        or f"1 of these runs cannot be read by this version of Usable and are left out ({ids[1]})"
        in err
    )
    assert cli.main(["runs", "show", ids[1]]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert cli.main(["runs", "delete", ids[1]]) == 0


@pytest.mark.parametrize(
    "name", [c.name for c in columns.runs.columns if c.nullable or c.server_default]
)
def test_a_column_that_an_older_version_did_not_know_is_added(name, tmp_path):
    drop = "".join(f"DROP INDEX IF EXISTS ix_runs_{c.name};" for c in columns.runs.columns)
    ids = home_of(
        tmp_path, made_stores.sql(*drop.split(";"), f'ALTER TABLE runs DROP COLUMN "{name}"')
    )

    store = RunStore()
    run = store.create(CountConfig())

    assert [one.id for one in store.list()] == [run.id, *ids[::-1]]
    assert store.get(run.id) == run
    with sqlite3.connect(tmp_path / "home" / "runs.sqlite") as connection:
        indexed = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index'"
        ).fetchall()
    assert ("ix_runs_key",) in indexed


def test_a_column_that_nothing_can_stand_for_is_a_sentence(tmp_path, capsys):
    home_of(tmp_path, made_stores.sql("ALTER TABLE runs DROP COLUMN title"))

    assert cli.main(["runs"]) == 2
    assert "has no column title" in capsys.readouterr().err


def test_the_same_question_is_measured_anew_where_its_answer_cannot_be_read(tmp_path):
    first, _ = jobs.run_here(CountConfig())
    assert jobs.run_here(CountConfig())[0].answered_by == first.id
    folder = RunStore().folder(first.id)
    ruin = {
        "result.json": [b"[1]", b"", b'{"evil": 1}'],
        "records.parquet": [b"x", b"", pd.DataFrame({"value": [5]}).to_parquet()],
    }
    for file, contents in ruin.items():
        sound = (folder / file).read_bytes()
        for content in contents:
            (folder / file).write_bytes(content)
            assert RunStore().find("3") is None
            with pytest.raises(
                StorageError, match=r"cannot be read .*Delete the run and ask again"
            ):
                RunStore().load(first.id)
        (folder / file).write_bytes(sound)
    assert RunStore().find("3")[0].id == first.id
    (folder / "result.json").write_text("[1]")

    again, result = jobs.run_here(CountConfig())

    assert (again.answered_by, len(result.records), len(counted)) == (None, 3, 2)


def test_a_row_of_another_version_does_not_stand_in_the_way_of_its_question():
    jobs.run_here(CountConfig())
    made_stores.sql("UPDATE runs SET config = json_set(config, '$.evil', 1)")(RunStore().home)

    again, _ = jobs.run_here(CountConfig())

    assert (again.status, again.answered_by) == (Status.DONE, None)


@pytest.mark.parametrize(
    "damage",
    [
        made_stores.home_is(lambda home: home.write_text("a file")),
        made_stores.folder_at("runs.sqlite"),
        lambda home: (home / "runs.sqlite").write_bytes(b"no database at all" * 99),
        made_stores.sql(
            "CREATE TRIGGER no BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, ''); END"
        ),
    ],
    ids=["a file", "a folder", "damaged", "refuses"],
)
def test_an_answer_that_cannot_be_kept_is_given(tmp_path, caplog, damage):
    home_of(tmp_path, damage)

    run, result = jobs.run_here(CountConfig())

    assert len(result.records) == 3
    assert counted == [None]
    assert run.id == ""
    assert [
        text.startswith("Note: This answer is not kept. The run") for text in caplog.messages
    ] == [True]


@pytest.mark.parametrize("happens", ["deleted", "replaced", "full"])
def test_a_store_that_fails_while_it_is_measured_costs_no_answer(
    tmp_path, caplog, monkeypatch, happens
):
    import shutil

    home_of(tmp_path)
    home, aside = tmp_path / "home", tmp_path / "aside"
    refuse = made_stores.sql(
        "CREATE TRIGGER no BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, ''); END"
    )
    accident.append(
        {
            "deleted": lambda: shutil.rmtree(home),
            "replaced": lambda: (home.rename(aside), shutil.copytree(aside, home)),
            "full": lambda: refuse(home),
        }[happens]
    )

    run, result = jobs.run_here(CountConfig())

    assert (run.id, len(result.records), len(counted)) == ("", 3, 1)
    assert "This answer is not kept. " in caplog.text
    forget()
    assert not home.exists() or all(
        run.status is not Status.DONE for run in RunStore().list("count")
    )


def test_a_model_that_cannot_be_kept_is_none(tmp_path, monkeypatch):
    monkeypatch.setitem(
        tasks.TASKS,
        "count",
        tasks.Task("Count", CountConfig, CountResult, f"{__name__}:count", makes_model=True),
    )
    (tmp_path / "home").write_text("a file")

    with pytest.raises(StoreUnusable):
        jobs.run_here(CountConfig())


def test_dead_runs_in_a_table_that_cannot_be_written_stop_nobody(tmp_path):
    home_of(tmp_path, made_stores.sql("UPDATE runs SET heartbeat = 0, pid = 4194305"))
    made_stores.sql("CREATE TRIGGER no BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, ''); END")(
        tmp_path / "home"
    )

    jobs.recover()

    assert len(RunStore().list()) == 4


def test_a_disk_that_can_only_be_read_is_read(tmp_path, monkeypatch, capsys):
    ids = home_of(tmp_path)
    real = sqlite3.connect

    def locked(name, *arguments, **keywords):  # what SQLite says there, for root too
        if "mode=ro" not in str(name):
            name = tmp_path / "nowhere" / "at" / "all"
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(sqlite3.dbapi2, "connect", locked)
    monkeypatch.setattr(sqlite3, "connect", locked)

    assert [run.id for run in RunStore().list()] == ids[::-1]
    assert RunStore().load(ids[0]).summary()["n"] == 4
    with pytest.raises(StoreUnusable, match=r"cannot be written: the file or its folder refuses"):
        RunStore().create(CountConfig())
    assert cli.main(["runs", "delete", ids[0]]) == 2
    assert "cannot be written: the file or its folder refuses" in capsys.readouterr().err
    assert RunStore().is_outdated is False  # nothing is open yet
    store = RunStore()
    store.list()
    assert store.is_outdated  # so a dashboard opens it again


def test_a_dashboard_finds_a_store_that_came_in_the_place_of_another(tmp_path):
    import shutil

    from dashboard import stored

    home_of(tmp_path)
    assert len(stored.store().list()) == 4
    shutil.rmtree(tmp_path / "home")

    assert stored.store().list() == []
    stored.store().create(CountConfig())
    assert len(stored.store().list()) == 1


def test_two_processes_that_bring_an_older_table_up_to_date_do_not_meet(tmp_path):
    import subprocess
    import sys

    home_of(tmp_path, made_stores.sql("ALTER TABLE runs DROP COLUMN attempts"))
    code = "from usable_core.runs import RunStore; print(len(RunStore().list()))"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ)
        for _ in range(3)
    ]

    assert [process.communicate()[0].strip() for process in both] == [b"4"] * 3


def test_a_heart_that_cannot_be_stored_goes_on_without_a_traceback(monkeypatch, caplog):
    beats = []

    def refuse(run_id):
        beats.append(run_id)
        raise StoreUnusable("The table is gone.")

    store = SimpleNamespace(heartbeat=refuse)
    monkeypatch.setattr(execution, "HEARTBEAT_SECONDS", 0.01)

    with execution.Heartbeat(store, "x", may_kill=False):
        time.sleep(0.3)

    assert len(beats) > 2
    assert caplog.text == ""
