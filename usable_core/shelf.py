"""The shelf of models: a short name for what would else be a reference, weights and settings.

`shelf/NAME` is that model everywhere. Each entry is a JSON file in `USABLE_HOME/shelf`, called by a
digest of the name; weights and class names that were uploaded lie beside, under the hash of their
content, so that what a person called them is never a path.
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from usable_core import files, settings
from usable_core.catalog.models import SOURCES
from usable_core.catalog.references import files_of, source_of
from usable_core.errors import CheckpointError, ConfigError, UnknownName, one_line
from usable_core.evaluations.specs import ModelSpec
from usable_core.records import MALFORMED, from_json

SOURCE = "shelf"  # the row of `SOURCES` whose names these are
PREFIX = f"{SOURCE}/"
LONGEST_NAME = 60  # characters: it stands in legends
UNUSED_SECONDS = 24 * 3600.0  # that a file is kept which was looked at and never added
WEIGHT_ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".pt2", ".onnx")
LABEL_ENDINGS = (".txt", ".json", ".csv")
_NAME = re.compile(r"[^/\\#@\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Shelved:
    """One model on the shelf.

    Attributes:
        name: What it is called, everywhere.
        spec: What it is.
        file: What the uploaded file of weights was called; empty without one.
        added: When (UTC, seconds since 1970).
    """

    name: str
    spec: ModelSpec
    file: str = ""
    added: float = 0.0

    @property
    def reference(self) -> str:
        """The reference under which every command and page knows it."""
        return f"{PREFIX}{self.name}"


def put(name: str, spec: ModelSpec, *, file: str = "") -> Shelved:
    """Put a model on the shelf and return its entry.

    Args:
        name: What it is to be called.
        spec: What it is; its files must be there.
        file: What the uploaded file of weights was called.

    Raises:
        ConfigError: the name is no name, or taken.
        UnknownName: there is no such model.
        CheckpointError: a file of it is not there.
    """
    settings.check_writable()
    name = checked_name(name)
    if spec.reference.startswith(PREFIX):
        raise ConfigError(f"{spec.reference} is on the shelf already. Name the model that it is.")
    if _path(name).is_file():
        raise ConfigError(f"The shelf holds a model called {name} already. Choose another name.")
    row, _ = source_of(spec.reference)
    files_of(spec.reference, spec.weights, spec.labels)
    if row.needs_trust and not spec.trust:
        raise CheckpointError(
            f"{spec.reference} can run code on this machine. If you trust where it comes from, say "
            "so: --trust."
        )
    entry = Shelved(name, spec.placed(), file, datetime.now(UTC).timestamp())
    files.write_json(_path(name), entry)
    return entry


def entry_of(name: str) -> Shelved:
    """Return the entry of a name.

    Raises:
        UnknownName: there is none.
        CheckpointError: it is damaged.
    """
    path = _path(name)
    if not path.is_file():
        raise UnknownName("model on the shelf", name, [one.name for one in listed()])
    try:
        return from_json(Shelved, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, *MALFORMED) as error:
        raise CheckpointError(
            f"The entry of {PREFIX}{one_line(name)} on the shelf is damaged. Take it off the shelf "
            "and add it again."
        ) from error


def listed() -> list[Shelved]:
    """Return what can be read on the shelf, by name."""
    found = []
    for path in _folder().glob("*.json"):
        try:
            found.append(from_json(Shelved, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, *MALFORMED):  # of another version, or deleted meanwhile
            continue
    return sorted(found, key=lambda entry: entry.name.casefold())


def remove(name: str) -> None:
    """Take a model off the shelf, and delete its uploaded files that no other entry uses.

    Raises:
        UnknownName: there is none of this name.
        StorageError: it cannot be deleted.
    """
    settings.check_writable()
    path = _path(name)
    if not path.is_file():
        raise UnknownName("model on the shelf", name, [one.name for one in listed()])
    own = {one.name: _files_named(one.spec) for one in listed()}
    gone = own.pop(name, set()) - {file for used in own.values() for file in used}
    with files.refusing(_folder()):
        path.unlink(missing_ok=True)
        kept = {_kept(file) for used in own.values() for file in used}
        for place in {_kept(file) for file in gone} - {None, *kept}:
            _delete(place)


def keep_file(data: bytes, name: str, endings: tuple[str, ...]) -> str:
    """Store an uploaded file and return its path; what it holds is checked when it is loaded.

    Raises:
        ConfigError: its ending is none of these.
        StorageError: the disk is full.
    """
    settings.check_writable()
    ending = next((end for end in sorted(endings, key=len)[::-1] if name.lower().endswith(end)), "")
    if not ending:
        raise ConfigError(f"{name} is none of {', '.join(endings)}. Give a file of one of them.")
    path = _files() / f"{hashlib.sha256(data).hexdigest()[:24]}{ending}"
    if not files.is_there(path):
        files.write_bytes(path, data)
    return str(path.resolve())


def keep_folder(held: Mapping[str, bytes]) -> str:
    """Store uploaded files that belong together, by their own names, and return their folder.

    Args:
        held: Name, without a path, to content.

    Raises:
        StorageError: the disk is full.
    """
    settings.check_writable()
    digest = hashlib.sha256()
    for name in sorted(held):
        digest.update(f"{name}\0{hashlib.sha256(held[name]).hexdigest()}\n".encode())
    folder = _files() / digest.hexdigest()[:24]
    for name, data in held.items():
        if not files.is_there(folder / name):
            files.write_bytes(folder / name, data)
    return str(folder.resolve())


def prune(seconds: float = UNUSED_SECONDS) -> None:
    """Delete uploaded files that no entry names and that were given some time ago.

    Raises:
        ReadOnly: nothing is deleted here.
    """
    settings.check_writable()
    used = {_kept(file) for one in listed() for file in _files_named(one.spec)}
    with suppress(OSError):
        for path in _files().resolve().iterdir():
            if path not in used and time.time() - path.stat().st_mtime > seconds:
                _delete(path)


def files_behind(name: str) -> tuple[Path, ...]:
    """Return the entry of a name and the local files of the model that it is.

    Raises:
        UnknownName: there is none of this name, or its model is unknown.
        CheckpointError: a file of it is gone.
    """
    spec = entry_of(name).spec
    return (_path(name), *files_of(spec.reference, spec.weights, spec.labels))


def reference_behind(name: str) -> str:
    """Return the reference of the model that a name stands for.

    Raises:
        UnknownName: there is none of this name.
        CheckpointError: its entry is damaged.
    """
    return entry_of(name).spec.reference


def meant(name: str, asked: ModelSpec) -> ModelSpec:
    """Return what a question about `shelf/NAME` loads: the entry, with what the question adds."""
    spec = entry_of(name).spec
    return replace(
        spec,
        weights=asked.weights or spec.weights,
        arch_options=(*spec.arch_options, *asked.arch_options),
    )


def checked_name(name: str) -> str:
    """Return a name for the shelf.

    Raises:
        ConfigError: it is empty, long, or holds signs that references part by.
    """
    name = " ".join(name.split())
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME or name in SOURCES:
        raise ConfigError(
            f"A model's name has 1 to {LONGEST_NAME} characters without /, \\, # and @, but is "
            f"{name!r}. Choose another."
        )
    return name


def _files_named(spec: ModelSpec) -> set[str]:
    """Return the paths that an entry names: of a whole network, of weights, of class names."""
    _, name = source_of(spec.reference)
    return {file for file in (name, spec.weights, spec.labels) if file}


def _kept(file: str) -> Path | None:
    """Return the uploaded file, or the folder of uploaded files, that a path lies in."""
    own = _files().resolve()
    path = Path(file)
    return own / path.relative_to(own).parts[0] if own in path.parents else None


def _delete(place: Path | None) -> None:
    if place is None:
        return
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _folder() -> Path:
    return settings.home() / "shelf"


def _files() -> Path:
    return _folder() / "files"


def _path(name: str) -> Path:
    digest = hashlib.sha256(name.casefold().encode(errors="backslashreplace")).hexdigest()
    return _folder() / f"{digest[:24]}.json"
