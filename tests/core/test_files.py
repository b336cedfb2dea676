"""Files are whole or absent, and what hinders them is said."""

import pytest

from usable_core import files
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
