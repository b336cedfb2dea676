"""A store on PostgreSQL: what hinders it is a sentence, what passes costs nothing."""

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sql
from made_results import accuracy_result
from postgres import PASSWORD, USER

from usable_core import cli
from usable_core.errors import ServerAway, StorageError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.jobs import interactive
from usable_core.runs import RunStore, Status, migrations, patience
from usable_core.runs.columns import metadata
from usable_core.runs.database import forget

CONFIG = AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits"))
OLD = """
    CREATE TABLE runs (
        id VARCHAR(32) PRIMARY KEY, task VARCHAR(32) NOT NULL, title TEXT NOT NULL,
        config JSON NOT NULL, status VARCHAR(16) NOT NULL, created FLOAT8 NOT NULL,
        started FLOAT8, finished FLOAT8, heartbeat FLOAT8, done INTEGER NOT NULL DEFAULT 0,
        total INTEGER NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '',
        metrics JSON NOT NULL DEFAULT '{}', summary JSON, error TEXT, traceback TEXT,
        key VARCHAR(32), parent VARCHAR(32), answered_by VARCHAR(32), pid INTEGER, host TEXT,
        attempts INTEGER NOT NULL DEFAULT 0, cancel_requested FLOAT8,
        versions JSON NOT NULL DEFAULT '{}'
    );
    INSERT INTO runs (id, task, title, config, status, created, done) VALUES
        ('0old', 'accuracy', 'Old', '{"model": {"reference": "bundled/vgg"}}', 'done', 1e9, 7);
"""


@pytest.fixture(autouse=True)
def closed():
    yield
    forget()


@pytest.fixture
def bare(team_store):
    """A database without tables, before the test and after it."""
    away = "DROP TABLE IF EXISTS runs, store, alembic_version"
    team_store.run(away, USER)
    forget()
    yield team_store
    forget()
    team_store.run(away, USER)


@pytest.fixture
def away(monkeypatch):
    """The address of a server that is not there."""
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}/usable"
        monkeypatch.setenv("USABLE_DATABASE_URL", f"postgresql://usable:top%3Asecret@{place}")
        yield place


def test_a_server_that_is_away_is_a_sentence_that_names_it(away, capsys):
    with patience.patience(0.0):
        assert cli.main(["runs"]) == 2

    told = capsys.readouterr().err
    assert f"The run table {away} cannot be opened: the server does not answer (" in told
    assert "Connection refused" in told
    assert "secret" not in told
    assert told.count("\n") == 1


def test_a_server_that_comes_back_is_waited_for(away, monkeypatch):
    looks = []

    def attempt():
        looks.append(time.monotonic())
        if len(looks) < 4:
            raise ServerAway("away")
        return "here"

    with patience.patience(30.0):
        assert patience.patiently("here", attempt) == "here"
    pauses = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert all(pause >= due for pause, due in zip(pauses, (0.1, 0.2, 0.4), strict=True))

    looks.clear()
    with patience.patience(0.0), pytest.raises(ServerAway):
        patience.patiently("here", attempt)
    assert len(looks) == 1


def test_a_page_waits_once_for_a_server_that_is_away(monkeypatch):
    clock, asked = [100.0], []

    def attempt():
        asked.append(clock[0])
        raise ServerAway("The server is away.")

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.append(clock.pop() + seconds))
    monkeypatch.setattr(patience, "_given_up", {})
    for _ in range(5):
        with pytest.raises(ServerAway, match=r"The server is away\."):
            patience.patiently("there", attempt)
    assert asked == pytest.approx([100.0, 100.1, 100.3, 100.7, 101.5])

    clock[0] += 2.0
    with pytest.raises(ServerAway):
        patience.patiently("there", attempt)
    assert len(asked) == 10


def test_progress_is_spared_while_the_store_fails_and_the_work_goes_on(monkeypatch, caplog):
    store = RunStore()
    run = store.create(CONFIG)
    store.start(run.id, os.getpid())
    clock, asked = [100.0], []

    def refuse(*_, **__):
        asked.append(clock[0])
        raise ServerAway("The server is away.")

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with monkeypatch.context() as patch:
        patch.setattr(store._table, "change", refuse)
        patch.setattr(store._table, "is_cancel_requested", refuse)
        for step in range(100):
            assert store.is_cancel_requested(run.id) is False
            store.progress(run.id, step, 100, "Working")
            clock[0] += 1.0

    assert asked == [100.0, 101.0, 102.0, 104.0, 108.0, 116.0, 132.0, 162.0, 192.0]
    assert len(caplog.messages) == len(asked)
    assert caplog.messages[2] == "The progress is not stored, again tried in 2 s. " + (
        "The server is away."
    )
    clock[0] += 100.0
    store.progress(run.id, 100, 100, "Working")
    assert store.get(run.id).done == 100
    assert list(store.events(run.id)["done"]) == list(range(101))  # the file has missed nothing


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "wrong:secret"}, "it refuses user or password"),
        ({"username": "nobody"}, "it refuses user or password"),
        ({"database": "nowhere"}, "the server has no database of this name"),
    ],
)
def test_what_a_server_refuses_is_told_at_once(team_store, monkeypatch, capsys, change, sentence):
    url = sql.make_url(team_store.url(USER)).set(**change)
    monkeypatch.setenv("USABLE_DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("nobody should wait"))

    assert cli.main(["runs"]) == 2

    told = capsys.readouterr().err
    assert told.startswith(f"The run table 127.0.0.1:{team_store.port}/")
    assert sentence in told
    assert "secret" not in told


def test_a_server_without_a_free_connection_is_a_sentence(team_store, capsys):
    others = [team_store.connection() for _ in range(team_store.most)]
    with contextlib.ExitStack() as stack:
        for other in others:
            stack.enter_context(other)
        with patience.patience(0.0):
            assert cli.main(["runs"]) == 2

    assert "the server has no connection left" in capsys.readouterr().err


def test_a_missing_driver_is_a_sentence_that_names_the_extra(away, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "psycopg", None)

    assert cli.main(["runs"]) == 2

    assert "psycopg is not installed" in (told := capsys.readouterr().err)
    assert 'pip install "usable[postgres]"' in told


def test_nul_and_bytes_that_are_no_text_are_kept_as_escapes(team_store):
    store = RunStore()
    odd = AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("/data/\udcff"))
    run = store.create(odd, title="a\0b\udcff")
    store.start(run.id, os.getpid())
    store.progress(run.id, 1, 2, "c\0d")
    store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits 😀")))

    found = store.get(run.id)

    assert (found.title, found.message) == (r"a\x00b\udcff", r"c\x00d")
    assert found.config == odd
    assert store.data_names() == ["digits 😀"]  # no text of PostgreSQL's can hold the other
    assert [one.data_name for one in store.list(search="digits 😀")] == ["digits 😀"]
    assert [one.id for one in store.list(search=r"b\udcff")] == [run.id]


def test_a_server_that_is_started_again_costs_no_answer(team_store):
    store = RunStore()
    run = store.create(CONFIG)
    store.start(run.id, os.getpid())
    team_store.stop()
    back = threading.Timer(1.0, team_store.start)
    back.start()

    store.progress(run.id, 1, 2, "Working")
    with patience.patience(60.0):
        store.finish(run.id, accuracy_result([0, 1], [0, 1]))
    back.join()

    assert store.get(run.id).status is Status.DONE


def test_a_start_whose_answer_a_dying_server_swallowed_is_ours(monkeypatch):
    store = RunStore()
    run = store.create(CONFIG)
    change = store._table.change

    def swallowed(*arguments, **values):
        change(*arguments, **values)
        return change(*arguments, **values)  # tried again: the state is no longer the expected one

    monkeypatch.setattr(store._table, "change", swallowed)

    store.start(run.id, os.getpid())

    assert store.get(run.id).status is Status.RUNNING


@pytest.mark.cluster
def test_processes_that_come_first_together_do_not_meet(bare):
    code = "from usable_core.runs import RunStore; print(RunStore().listing().total)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
        for _ in range(3)
    ]

    assert [process.communicate()[0].strip() for process in both] == [b"0"] * 3


def test_an_older_store_is_brought_up_and_then_is_as_a_new_one(bare):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    bare.run(OLD, USER)
    store = RunStore()

    assert store.row("0old")["done"] == 7
    with sql.create_engine(
        bare.url(USER).replace("postgresql", "postgresql+psycopg")
    ).connect() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == migrations.HEAD
    store.create(CONFIG)
    assert len(store.listing().runs) == 2


def test_a_new_store_and_the_next_process_need_no_alembic(bare, monkeypatch):
    RunStore().list()
    forget()
    monkeypatch.setitem(sys.modules, "alembic", None)

    assert RunStore().list() == []


def test_the_steps_end_at_the_head_that_is_known_without_alembic():
    script = pytest.importorskip("alembic.script")

    found = script.ScriptDirectory(migrations.__path__[0])

    assert found.get_current_head() == migrations.HEAD
    assert all(len(step.revision) == 4 for step in found.walk_revisions())  # compared as texts


@pytest.mark.parametrize(
    "change", ["UPDATE store SET schema = 99", "UPDATE alembic_version SET version_num = '9999'"]
)
def test_a_store_of_a_newer_version_is_a_sentence(bare, change, capsys):
    RunStore().list()
    forget()
    bare.run(change, USER)

    assert cli.main(["runs"]) == 2

    assert "This store of runs was stored by a newer version" in capsys.readouterr().err


def test_files_of_another_machine_are_said_to_be_there(monkeypatch, tmp_path, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(socket, "gethostname", lambda: "anna")
        theirs = RunStore(tmp_path / "both.sqlite", home=tmp_path / "anna")
        run = theirs.create(CONFIG)
        theirs.start(run.id, os.getpid())
        theirs.finish(run.id, accuracy_result([0, 1], [0, 1]))
    ours = RunStore(tmp_path / "both.sqlite", home=tmp_path / "bert")
    told = f"The files of run {run.id} are kept on anna in {tmp_path / 'anna'}, which this machine"

    for act in (ours.load, ours.delete):
        with pytest.raises(StorageError) as refused:
            act(run.id)
        assert str(refused.value).startswith(told)
    assert theirs.elsewhere(run.id) == ""
    assert theirs.load(run.id).summary()["n"] == 2
    assert ours.find("none") is None

    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "bert"))
    monkeypatch.setenv("USABLE_DATABASE_URL", f"sqlite:///{tmp_path / 'both.sqlite'}")
    assert cli.main(["runs", "show", run.id]) == 0
    assert told in capsys.readouterr().err
    ours.create(CONFIG)
    assert cli.main(["runs"]) == 0
    assert "Machine" in (listed := capsys.readouterr().out)
    assert "anna" in listed


def test_each_machine_of_a_team_answers_its_own_pages(monkeypatch):
    alone = interactive.lane()
    monkeypatch.setenv("USABLE_DATABASE_URL", "postgresql://usable@db.example/usable")
    monkeypatch.setattr(socket, "gethostname", lambda: "anna")

    assert interactive.lane() == alone / "anna"


def test_the_store_in_use_is_told_without_its_password(team_store, capsys):
    assert cli.main(["runs", "where"]) == 0

    told = capsys.readouterr().out
    assert f"127.0.0.1:{team_store.port}/{USER}" in told
    assert PASSWORD not in told


def test_a_process_has_two_connections_at_most(team_store):
    store = RunStore()
    ids = [store.create(CONFIG).id for _ in range(3)]

    threads = [threading.Thread(target=lambda: [store.get(i) for i in ids * 5]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'usable'"
    assert team_store.run(query) == [(2,)]
