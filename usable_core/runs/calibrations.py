"""Calibrations that were fitted here, one file per model, by its fingerprint."""

import json
import re
from contextlib import suppress
from pathlib import Path

from usable_core import files, settings
from usable_core.errors import UsableError
from usable_core.evaluations.calibration import Calibration
from usable_core.records import MALFORMED, from_json

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


def keep(calibration: Calibration) -> Path:
    """Store a calibration in the place of an earlier one of the same model; return its file.

    Raises:
        StorageError: the disk is full.
    """
    settings.check_writable()
    path = _path(calibration.model_fingerprint)
    files.write_json(path, calibration)
    return path


def check() -> None:
    """Check, before long work, that a calibration can be kept.

    Raises:
        StorageError: it cannot.
    """
    settings.check_writable()
    files.check_folder(_folder())


def find(fingerprint: str) -> Calibration | None:
    """Return the calibration of the model with that fingerprint, if it was ever fitted here."""
    try:
        return from_json(Calibration, json.loads(_path(fingerprint).read_text(encoding="utf-8")))
    except (OSError, *MALFORMED, UsableError):  # none, or of another version
        return None


def state() -> tuple[tuple[str, int], ...]:
    """Return what changes whenever a calibration is kept: file names and times (ns)."""
    found = []
    for path in sorted(_folder().glob("*.json")):
        with suppress(OSError):  # deleted meanwhile
            found.append((path.stem, path.stat().st_mtime_ns))
    return tuple(found)


def _folder() -> Path:
    return settings.home() / "calibrations"


def _path(fingerprint: str) -> Path:
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise ValueError(f"a fingerprint is 16 hex digits, not {fingerprint!r}")
    return _folder() / f"{fingerprint}.json"
