"""Slices of examples under names: `dark dogs` is `class dog and brightness below 0.2`.

Each is a JSON file in `USABLE_HOME/slices`, called by a digest of the name.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from usable_core import files, settings
from usable_core.errors import ConfigError, UnknownName
from usable_core.records import MALFORMED, from_json

if TYPE_CHECKING:
    from usable_core.evaluations.accuracy import AccuracyResult
    from usable_core.evaluations.result import Measured
    from usable_core.verdicts.restriction import Restricted

LONGEST_NAME = 60  # characters: it stands in the sidebar
MOST = 1000  # that are kept


@dataclass(frozen=True)
class SavedSlice:
    """A slice with a name.

    Attributes:
        name: What it is called, everywhere.
        text: What its examples have in common, in words; see `verdicts.restriction`.
        added: When (UTC, seconds since 1970).
    """

    name: str
    text: str
    added: float = 0.0


def save(name: str, text: str) -> SavedSlice:
    """Keep a slice under a name; one of the same name gives way.

    Raises:
        ConfigError: the name is none, the text means no slice, or there are too many.
        StorageError: it cannot be written.
    """
    settings.check_writable()
    name, text = " ".join(name.split()), " ".join(text.split())
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise ConfigError(
            f"A slice's name has 1 to {LONGEST_NAME} characters, but is {name!r}. Choose another."
        )
    _check(text)
    if not _path(name).is_file() and len(saved()) >= MOST:
        raise ConfigError(f"There are {MOST:,} slices already. Delete one first.")
    one = SavedSlice(name, text, datetime.now(UTC).timestamp())
    files.write_json(_path(name), one)
    return one


def saved() -> list[SavedSlice]:
    """Return the slices that can be read, by name."""
    found = []
    for path in _folder().glob("*.json"):
        try:
            found.append(from_json(SavedSlice, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, *MALFORMED):  # of another version, or deleted meanwhile
            continue
    return sorted(found, key=lambda one: one.name.casefold())


def delete(name: str) -> None:
    """Forget a slice.

    Raises:
        UnknownName: there is none of this name.
        StorageError: it cannot be deleted.
    """
    settings.check_writable()
    if not _path(name).is_file():
        raise UnknownName("slice", name, [one.name for one in saved()])
    with files.refusing(_folder()):
        _path(name).unlink(missing_ok=True)


def meant(name_or_text: str) -> str:
    """Return the text of a slice: that of a saved one by its name, else the text itself.

    Raises:
        ConfigError: it is neither a saved name nor the text of a slice.
    """
    wanted = " ".join(name_or_text.split())
    for one in saved():
        if one.name.casefold() == wanted.casefold():
            return one.text
    _check(wanted)
    return wanted


def on_slice(result: "Measured", slice: str, *described: "AccuracyResult") -> "Restricted":
    """Return an answer on a slice of its examples, every number recomputed from their records.

    Args:
        result: The answer, such as what `evaluate_robustness` returned.
        slice: The name of a saved slice, or what its examples have in common, such as
            `class dog and brightness below 0.2`.
        *described: Answers of `evaluate_accuracy` on the same data: their records hold what the
            pictures look like and what the data say of them.

    Returns:
        The answer of these examples (`result`), and what it is of (`sentence`).

    Raises:
        ConfigError: the slice is none, is not known of these examples, or holds none of them.
    """
    from usable_core.verdicts.restriction import conditions_of, restricted

    return restricted(result, conditions_of(meant(slice)), described)


def _check(text: str) -> None:
    from usable_core.verdicts.restriction import conditions_of  # numbers, which a first page spares

    conditions_of(text)


def _folder() -> Path:
    return settings.home() / "slices"


def _path(name: str) -> Path:
    key = " ".join(name.split()).casefold()
    digest = hashlib.sha256(key.encode(errors="backslashreplace")).hexdigest()
    return _folder() / f"{digest[:24]}.json"
