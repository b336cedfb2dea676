"""Whose runs are whose, how many one owner may have under way, and a store that is only shown."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from usable_core import cli, downloads, jobs, saved_slices, settings, shelf
from usable_core.errors import ConfigError, ReadOnly, StorageError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.passports import Download
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.jobs import interactive
from usable_core.runs import RunStore, calibrations, uploads

QUESTION = AccuracyConfig(ModelSpec("bundled/vgg_digits"), DatasetSpec("digits"))


@pytest.fixture
def store():
    return RunStore()


@pytest.fixture
def read_only(monkeypatch):
    return lambda: monkeypatch.setenv("USABLE_READ_ONLY", "1")


def test_a_run_is_of_who_asked_it_and_its_parts_are_too(store):
    own, other = store.create(QUESTION), store.create(QUESTION, owner="ada@example.org")
    part = store.create(QUESTION, parent=other.id)

    assert [run.owner for run in (own, other, part)] == [settings.user(), *2 * [other.owner]]
    assert store.owners() == sorted({settings.user(), "ada@example.org"})


def test_runs_of_an_owner_are_listed_and_searched_for(store, capsys):
    own, other = store.create(QUESTION), store.create(QUESTION, owner="ada@example.org")

    def listed(*options):
        assert cli.main(["runs", "list", *options, "--json", "-"]) == 0
        return [run["id"] for run in json.loads(capsys.readouterr().out)["runs"]]

    assert listed("--mine") == [own.id]
    assert listed("--owner", "ada@example.org") == listed("--search", "ada@exam") == [other.id]
    assert listed("--mine", "--owner", "ada@example.org") == [other.id, own.id]
    assert cli.main(["runs", "list"]) == 0
    assert "Owner" in (told := capsys.readouterr().out)
    assert "ada@example.org" in told


def test_an_own_list_has_no_column_of_owners(store, capsys):
    store.create(QUESTION)

    assert cli.main(["runs", "list"]) == 0
    assert "Owner" not in capsys.readouterr().out


def test_one_owner_may_have_as_many_runs_under_way_as_the_quota_says(store, monkeypatch):
    monkeypatch.setenv("USABLE_QUOTA", "2")
    first = store.create(QUESTION, owner="ada")
    store.create(QUESTION, owner="ada")

    with pytest.raises(StorageError, match=r"At most 2 runs of ada .* there are 2. Cancel some"):
        store.create(QUESTION, owner="ada")
    store.create(QUESTION, parent=first.id)  # a part waits for nothing
    store.create(QUESTION, owner="bob")
    store.request_cancel(first.id)
    store.create(QUESTION, owner="ada")


def test_tabs_that_ask_at_the_same_moment_share_the_quota(store, monkeypatch):
    monkeypatch.setenv("USABLE_QUOTA", "3")

    def asked(_):
        try:
            return RunStore().create(QUESTION, owner="ada").id
        except StorageError:
            return None

    with ThreadPoolExecutor(8) as tabs:
        assert len(list(filter(None, tabs.map(asked, range(24))))) == 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "²", "9" * 30])
def test_a_quota_that_is_no_number_is_refused_in_a_sentence(store, monkeypatch, text):
    monkeypatch.setenv("USABLE_QUOTA", text)

    with pytest.raises(ConfigError, match=r"USABLE_QUOTA .* Correct or unset it"):
        store.create(QUESTION)


@pytest.mark.parametrize(("text", "is_read_only"), [("", 0), ("0", 0), ("No", 0), ("1", 1)])
def test_the_environment_says_whether_what_is_kept_is_only_shown(monkeypatch, text, is_read_only):
    monkeypatch.setenv("USABLE_READ_ONLY", text)

    assert settings.is_read_only() is bool(is_read_only)


def picture():
    Image.new("RGB", (8, 8)).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


AWAY = Download("https://weights.example/a.pth", path="no_such_file.pth")
ACTS = {
    "start": lambda run: jobs.start(QUESTION),
    "again": lambda run: jobs.again(run),
    "work here": lambda run: jobs.run_here(QUESTION, objects={}),
    "cancel": lambda run: jobs.cancel(run),
    "delete": lambda run: RunStore().delete(run),
    "describe": lambda run: RunStore().describe(run, name="Other"),
    "delete uploads": lambda run: RunStore().delete_uploads([]),
    "upload a picture": lambda run: uploads.keep(picture(), "new.png"),
    "upload data": lambda run: uploads.keep_data(b"text,label\na,b\n", "new.csv"),
    "delete an upload": lambda run: uploads.delete("0" * 24),
    "list a model": lambda run: shelf.put("Ours", ModelSpec("bundled/vgg")),
    "remove a model": lambda run: shelf.remove("Theirs"),
    "upload weights": lambda run: shelf.keep_file(b"", "a.pth", (".pth",)),
    "upload a folder": lambda run: shelf.keep_folder({"config.json": b"{}"}),
    "prune uploads": lambda run: shelf.prune(),
    "download weights": lambda run: downloads.fetch(AWAY, "timm/resnet18"),
    "calibrate": lambda run: calibrations.check(),
    "save a slice": lambda run: saved_slices.save("dark", "brightness below 0.2"),
    "delete a slice": lambda run: saved_slices.delete("bright"),
    "ask of a picture": lambda run: interactive.submit(
        ImageRequest("predict", ModelSpec("bundled/vgg"), image="0" * 24)
    ),
    "withdraw a question": lambda run: interactive.cancel("0" * 24),
}


def kept():
    files = (path for path in settings.home().rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if "-" not in path.name}  # none of SQLite's


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_done_where_what_is_kept_is_only_shown(store, read_only, act):
    run = store.create(QUESTION)
    shelf.put("Theirs", ModelSpec("bundled/vgg"))
    saved_slices.save("bright", "brightness 0.8 or more")
    store.list()
    before = kept()
    read_only()

    with pytest.raises(ReadOnly, match=r"only shows .* Run Usable on your own machine"):
        ACTS[act](run.id)

    assert kept() == before
    assert [run.id] == [one.id for one in store.list()]


def test_what_is_shown_already_stays_to_be_seen(store, read_only):
    image = uploads.keep(picture(), "mine.png")
    read_only()

    assert uploads.keep(picture(), "theirs.png") == image
    assert uploads.title(image) == "mine.png"


def test_no_process_is_started_to_look_after_what_is_only_shown(store, read_only, monkeypatch):
    monkeypatch.setattr(jobs, "spawn", lambda *about: pytest.fail("a process was started"))
    monkeypatch.setattr(interactive, "spawn", lambda *about: pytest.fail("a worker was started"))
    run = store.create(QUESTION)
    store._table.change(run.id, ("queued",), heartbeat=0.0, attempts=1)
    read_only()

    jobs.recover()
    interactive.ensure_worker()


def test_commands_say_that_nothing_is_started(read_only, capsys):
    read_only()

    assert (
        cli.main(["evaluate", "accuracy", "--model", "bundled/vgg_digits", "--dataset", "digits"])
        == 2
    )
    assert "This Usable only shows what it holds (USABLE_READ_ONLY)" in capsys.readouterr().err
    assert not (settings.home() / "runs").exists()
