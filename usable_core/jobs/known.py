"""A question asked again is known by the facts of its files: nothing is loaded for its answer.

The key of an answer (`answering.key`) is made of what files hold, so it takes torch, the model and
the data. Here it is remembered by the question and by size, identity and times of change of every
file that the question can read. Where a file is not known for sure, nothing is remembered.
"""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from usable_core import answering, files, settings, tasks
from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.models import SOURCES
from usable_core.catalog.references import files_of, source_of
from usable_core.errors import StorageError, UsableError
from usable_core.evaluations.result import Config, Result
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Report
from usable_core.json_files import read_json
from usable_core.records import to_json
from usable_core.runs import Run, RunStore
from usable_core.versions import versions

MOST = 500  # questions remembered, the newest
MOST_FILES = 20_000  # of a folder of data; looking at more is no quicker than loading
# Sources whose every file is known; the others have weights in the caches of their libraries.
WHOLE = ("bundled", "imagenet", "file", "folder", "run")
PACKAGES = {"digits": "scikit-learn", "photographs": "scikit-image"}  # that hold named data
# What may name pictures that lie anywhere.
TABLES = (".csv", ".jsonl", ".json", ".parquet", ".txt", ".tsv")


def identity(config: Config) -> str | None:
    """Return what a question is by its settings and the facts of its files; None where unsure."""
    row = tasks.TASKS[tasks.name_of(config)]
    if row.makes_model or row.is_of_parts or row.is_of_machine:
        return None
    try:
        facts = [_facts(spec) for spec in tasks.named_in(config).values()]
    except (UsableError, OSError):
        return None
    if None in facts:
        return None
    parts = [tasks.name_of(config), to_json(config), facts, versions(), sys.version]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _facts(spec: ModelSpec | DatasetSpec) -> list[object] | None:
    if isinstance(spec, DatasetSpec):
        return data_facts(spec.reference)
    row, _ = source_of(spec.reference)
    if spec.weights is None and row not in [SOURCES[name] for name in WHOLE]:
        return None
    return [_fact(path) for path in files_of(spec.reference, spec.weights, spec.labels)]


def data_facts(reference: str) -> list[object] | None:
    """Return what tells data from what they were before; None where that is not known for sure.

    Raises:
        OSError: there is no such file.
    """
    if reference in DATASETS:
        if asset := DATASETS[reference].asset:
            return [_fact(settings.assets() / asset)]
        return [version(PACKAGES[reference])] if reference in PACKAGES else None
    path = Path(reference)
    if not path.is_dir():
        return [_fact(path)] if path.suffix.lower() == ".zip" else None
    found: list[object] = []
    for folder, _, names in os.walk(path, followlinks=True):
        if len(found) + len(names) > MOST_FILES or any(n.lower().endswith(TABLES) for n in names):
            return None
        found += [_fact(Path(folder, name)) for name in sorted(names)]
    return found


def _fact(path: Path) -> object:
    fact = path.stat()
    times = fact.st_mtime_ns, fact.st_ctime_ns
    return [str(path), fact.st_dev, fact.st_ino, fact.st_size, *times]


def is_answered(config: Config) -> bool:
    """Tell whether the answer is in the store, by what was remembered."""
    try:
        found = _recalled(identity(config))
        return found is not None and RunStore().find(found["key"]) is not None
    except StorageError:
        return False


def answer(store: RunStore, run: Run) -> Result | None:
    """Return the stored answer of a run's question, and note that it has it; None where unsure."""
    remembered = _recalled(identity(run.config))
    found = None if remembered is None else store.find(remembered["key"])
    if remembered is None or found is None:
        return None
    store.set_key(run.id, remembered["key"], remembered["data"])
    store.answered_by(run.id, found[0])
    return found[1]


def loaded(config: Config, report: Report) -> dict[str, Any]:
    """Return the objects that a question names, and remember the key that they make.

    Raises:
        UsableError: a name is unknown, or what it names cannot be loaded.
    """
    before = identity(config)
    report(0, 0, "Loading the model and the data")
    objects = answering.resolve(config)
    answering.look_at(objects, report)
    if before is not None and identity(config) == before:  # nothing was written meanwhile
        data = getattr(objects.get("dataset"), "fingerprint", None)
        _remember(before, {"key": answering.key(config, objects), "data": data})
    return objects


def _remember(name: str, entry: Mapping[str, Any]) -> None:
    known = _known()
    known.pop(name, None)
    newest = {**known, name: dict(entry)}
    kept = dict(list(newest.items())[-MOST:])
    try:
        files.write_json(_path(), kept)
    except (StorageError, OSError):  # a store that is read only forgets
        return


def _recalled(name: str | None) -> dict[str, Any] | None:
    found = _known().get(name or "")
    return found if isinstance(found, dict) and isinstance(found.get("key"), str) else None


def _known() -> dict[str, Any]:
    try:
        found = read_json(_path())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _path() -> Path:
    return settings.home() / "known_questions.json"
