"""Files are whole or absent, and what hinders them is said."""

import os
import socket
from pathlib import Path

import pytest

from usable_core import files
from usable_core.bounds import keep_newest, keep_tail
from usable_core.cli.calibrate import _put_into
from usable_core.errors import StorageError
from usable_core.evaluations.calibration import Calibration


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "answer.json"
    files.write_json(path, {"state": "old"})

    monkeypatch.setattr(files.os, "fsync", lambda handle: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        files.write_json(path, {"state": "new"})

    assert path.read_text() == '{"state": "old"}'
    assert [p.name for p in tmp_path.iterdir()] == ["answer.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")

    with pytest.raises(StorageError, match=r"^answer\.json could not be written to .*taken.*\.$"):
        files.write_json(tmp_path / "taken" / "answer.json", {})


def test_a_stream_that_breaks_off_leaves_the_old_file(tmp_path):
    path = tmp_path / "maps.npz"
    path.write_bytes(b"old")

    def torn():
        yield b"half of the new"
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"), files.replacing(path) as file:
        file.writelines(torn())

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_card_that_a_calibration_cannot_go_into_whole_stays(tmp_path, monkeypatch):
    card = tmp_path / "card.json"
    card.write_text('{"title": "x"}')
    monkeypatch.setattr(files.os, "fsync", lambda handle: (_ for _ in ()).throw(KeyboardInterrupt))

    with pytest.raises(KeyboardInterrupt):
        _put_into(card, Calibration(1.0, 0.0, 20, "20 images", "a", "b", 1.0, 1.0))

    assert card.read_text() == '{"title": "x"}'


def _pipe(path):
    os.mkfifo(path)


def _socket(path):
    os.chdir(path.parent)  # a socket's address is short
    socket.socket(socket.AF_UNIX).bind(path.name)


def _link_to(target):
    return lambda path: path.symlink_to(target)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "it is a folder, not a file"),
        (_pipe, "it is a pipe, not a file"),
        (_socket, "it is a socket, not a file"),
        (_link_to("/dev/zero"), "it is a device, not a file"),
        (_link_to("nowhere"), "No such file"),
        (_link_to("thing"), "symbolic links"),
    ],
)
def test_what_is_no_file_is_not_waited_for(tmp_path, monkeypatch, make, why):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "thing")

    with pytest.raises(OSError, match=why):
        files.read_regular(tmp_path / "thing", 100)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000])
def test_a_name_that_no_file_has_is_said(name):
    with pytest.raises(OSError, match=r"no file can have this name|too long"):
        files.open_regular(name)


def test_a_pipe_put_in_place_of_a_file_is_seen_at_opening(tmp_path, monkeypatch):
    path = tmp_path / "thing"
    path.write_bytes(b"abc")
    status = path.stat()
    path.unlink()
    _pipe(path)
    monkeypatch.setattr(files.Path, "stat", lambda _: status)

    with pytest.raises(OSError, match="pipe"):
        files.open_regular(path)


def test_a_file_is_read_as_long_as_it_was(tmp_path):
    path = tmp_path / "thing"
    path.write_bytes(b"0123456789")

    assert files.read_regular(path, 10) == b"0123456789"
    assert files.read_regular("/proc/self/status", 10) == b""  # claims to be empty
    with pytest.raises(OSError, match="more than the 9 bytes"):
        files.read_regular(path, 9)


def test_a_long_log_keeps_its_end_from_a_line_on(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("".join(f"line {k}\n" for k in range(1000)))

    keep_tail(log, 10_000)
    assert log.read_text().startswith("line 0\n")

    keep_tail(log, 2_000)

    lines = log.read_text().splitlines()
    assert lines[-1] == "line 999"
    assert lines == [f"line {k}" for k in range(1000 - len(lines), 1000)]
    assert 900 < log.stat().st_size <= 1000
    keep_tail(tmp_path / "none.txt", 10)


def test_a_cache_loses_what_was_used_longest_ago(tmp_path):
    for k in range(5):
        (tmp_path / f"{k}").write_bytes(bytes(10))
        os.utime(tmp_path / f"{k}", (1000 + 10 * k, 1000))
    os.utime(tmp_path / "0", (9000, 1000))  # read again

    keep_newest(tmp_path, 25)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "4"]
