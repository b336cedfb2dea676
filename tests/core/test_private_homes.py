"""Nobody but its user reads a home, whatever the umask; and every name of a home is a home."""

import io
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from made_results import accuracy_result
from PIL import Image

from usable_core import files
from usable_core.errors import StorageError
from usable_core.jobs import interactive
from usable_core.jobs.processes import spawn
from usable_core.runs import RunStore, calibrations, uploads
from usable_core.runs.database import forget

posix = pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX systems")
ROOT = Path(__file__).parents[2]
FILL = textwrap.dedent(
    """
    import io, os, sys
    from PIL import Image
    os.umask(int(sys.argv[1], 8))
    sys.path[:0] = ["tests"]
    from made_results import accuracy_result
    from usable_core import cli, files, settings
    from usable_core.jobs import locks
    from usable_core.runs import RunStore, uploads
    result = accuracy_result([0, 1], [0, 1])
    store = RunStore()
    run = store.create(result.config)
    store.start(run.id, os.getpid())
    store.progress(run.id, 1, 1, "measuring")
    files.write_json(store.folder(run.id) / "parts" / "deep" / "part.json", {})
    store.finish(run.id, result)
    failed = store.create(result.config)
    store.start(failed.id, os.getpid())
    store.fail(failed.id, "As planned.", "Traceback: none")
    picture = io.BytesIO()
    Image.new("RGB", (40, 40)).save(picture, "PNG")
    uploads.keep(picture.getvalue(), "a")
    RunStore.listing = lambda *_: 1 / 0
    assert cli.main(["runs"]) == 1  # leaves a log
    files.write_json(settings.home().parent / "out" / "card.json", {})
    """
)


def filled(home: Path, umask: str) -> None:
    """Have another process, of another umask, write of everything into a home."""
    environment = {**os.environ, "USABLE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", FILL, umask], cwd=ROOT, env=environment, check=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@posix
@pytest.mark.parametrize("umask", ["000", "022"])
def test_nothing_in_a_home_is_for_others_whatever_the_umask(tmp_path, umask):
    home = tmp_path / "made" / "home"
    filled(home, umask)

    everything = [home, *home.rglob("*")]
    assert len(everything) > 12
    assert [path for path in everything if mode(path) & files.OTHERS] == []
    assert mode(tmp_path / "made" / "out") == 0o777 & ~int(umask, 8)  # what is given away is not
    assert mode(tmp_path / "made" / "out" / "card.json") == 0o666 & ~int(umask, 8)


@posix
def test_the_side_files_of_the_database_are_as_private_as_it_is(tmp_path):
    before = os.umask(0)
    try:
        RunStore().create(accuracy_result([0], [0]).config)
        side = [path.name for path in (tmp_path / "home").iterdir()]
    finally:
        os.umask(before)

    assert {"runs.sqlite", "runs.sqlite-wal", "runs.sqlite-shm"} <= set(side)
    assert all(not mode(tmp_path / "home" / name) & files.OTHERS for name in side)


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="asks as another user")
def test_another_user_reads_nothing(tmp_path):
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:  # pytest's own folders are closed
        parent.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)  # an old one, open to all
    filled(home, "000")

    look = f"import os; os.setgid(65534); os.setuid(65534); print(os.listdir({str(home)!r}))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)

    assert "PermissionError" in done.stderr


@posix
def test_a_home_that_others_could_enter_is_mended(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o775)

    RunStore().create(accuracy_result([0], [0]).config)

    assert mode(home) == 0o700


@posix
def test_a_home_that_is_shared_on_purpose_stays_and_is_told_of(tmp_path, caplog):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o1777)  # such as /tmp

    for _ in range(3):
        RunStore().create(accuracy_result([0], [0]).config)

    assert mode(home) == 0o1777
    assert len(caplog.messages) == 1
    assert "Others can enter" in caplog.messages[0]
    assert all(not mode(path) & files.OTHERS for path in home.rglob("*"))


@posix
def test_a_file_system_without_modes_is_told_of_and_works(tmp_path, monkeypatch, caplog):
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    refuse = PermissionError(1, "Operation not permitted")
    monkeypatch.setattr(Path, "chmod", lambda *_: (_ for _ in ()).throw(refuse))

    run = RunStore().create(accuracy_result([0], [0]).config)

    assert RunStore().get(run.id) == run
    assert "its file system keeps no modes" in caplog.text


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a folder away")
def test_a_home_of_another_user_is_left_as_it_is_and_told_of(tmp_path, caplog):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    os.chown(home, 65534, 65534)

    RunStore().create(accuracy_result([0], [0]).config)

    assert mode(home) == 0o777
    assert "it belongs to another user" in caplog.text


def test_a_home_behind_a_link_is_a_home(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "link"))

    run = RunStore().create(accuracy_result([0], [0]).config)

    assert (tmp_path / "real" / "runs" / run.id).is_dir()
    assert mode(tmp_path / "real") == 0o700


def test_a_log_of_a_process_is_private(tmp_path):
    process = spawn(["run", "x"], tmp_path / "home" / "runs" / "x" / "log.txt")
    process.wait(60)

    assert not mode(tmp_path / "home" / "runs" / "x" / "log.txt") & files.OTHERS


NAMES = [
    "a?b=c",
    "a?mode=memory",
    "a%20b",
    "100%",
    "a#b",
    "a;b",
    "a&b",
    "a b",
    " ",
    "it's",
    'say "x"',
    "new\nline",
    "tab\t",
    "日本 🐦",
    "\udcff\udcfe",
    "-dash",
    "~",
    ":memory:",
    "file:x",
    "a\\b",
    "$HOME",
    "*",
    "[x]",
    "{y}",
    "x" * 200,
    "...",
    "a@b",
    "é",
    "e\u0301",
    "runs.sqlite",
]


def test_every_name_of_a_home_is_a_home_of_its_own(tmp_path, monkeypatch):
    config = accuracy_result([0], [0]).config
    made = {}
    for name in NAMES:
        monkeypatch.setenv("USABLE_HOME", str(tmp_path / "all" / name))
        made[name] = RunStore().create(config).id

    forget()
    for name, run in made.items():
        home = tmp_path / "all" / name
        monkeypatch.setenv("USABLE_HOME", str(home))
        assert [one.id for one in RunStore().list()] == [run]
        with sqlite3.connect(home / "runs.sqlite") as connection:
            assert connection.execute("SELECT id FROM runs").fetchall() == [(run,)]
    assert len(list((tmp_path / "all").iterdir())) == len(NAMES)


@pytest.mark.parametrize(
    "url",
    ["nonsense", "nobody://x", "postgresql+nothing://u:secret@h/d", "sqlite:////proc/x/y", "://"],
)
def test_a_url_of_no_database_is_a_sentence_without_its_password(monkeypatch, url):
    monkeypatch.setenv("USABLE_DATABASE_URL", url)

    with pytest.raises(StorageError, match=r"cannot be opened: .*\.$") as refused:
        RunStore().list()

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("act", ["keep", "delete", "calibrate", "cancel", "create", "ask"])
def test_a_home_that_is_a_file_is_a_sentence_for_all_who_write(tmp_path, act):
    from usable_core.evaluations.calibration import Calibration
    from usable_core.evaluations.interactive import ImageRequest
    from usable_core.evaluations.specs import ModelSpec

    (tmp_path / "home").write_text("a file")
    picture = io.BytesIO()
    Image.new("RGB", (40, 40)).save(picture, "PNG")
    fitted = Calibration(1.0, 0.0, 20, "20 images", "a", "0" * 16, 1.0, 1.0)
    acts = {
        "keep": lambda: uploads.keep(picture.getvalue(), "a"),
        "delete": lambda: uploads.delete("0" * 24),
        "calibrate": lambda: calibrations.keep(fitted),
        "cancel": lambda: interactive.cancel("0" * 24),
        "create": lambda: RunStore().create(accuracy_result([0], [0]).config),
        "ask": lambda: interactive.submit(ImageRequest("time", ModelSpec("bundled/resnet"))),
    }

    with pytest.raises(StorageError):
        acts[act]()
