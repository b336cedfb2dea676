"""Parts of a long evaluation that are finished: what a killed run goes on from.

An evaluation does its work in steps, each of which says where the next begins. What was found in a
few seconds is written as a part: one file, whole or absent, whose name says where it begins and
holds the hash of its content, so that what a disk has damaged is measured anew. Parts answer one
question on one machine; those of another are not looked at.
"""

import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from usable_core.errors import StorageError
from usable_core.files import make_folder, write_bytes
from usable_core.records import to_json
from usable_core.runs.artifacts import PARTS

PART_SECONDS = 5.0  # of work that a kill may lose; writing a part takes 5 ms
_PLAN = "plan"
Columns = dict[str, np.ndarray]


@dataclass(frozen=True, order=True)
class Place:
    """Where work begins or ends: before an example, after some steps with it and those beside it.

    Attributes:
        example: Index of the example.
        step: Steps that are finished of those made with the examples held in memory with it.
    """

    example: int = 0
    step: int = 0


@dataclass(frozen=True, eq=False)
class Step:
    """A piece of work.

    Attributes:
        rows: What was found; steps of one kind have the same columns.
        stop: Where the next piece begins.
        files: Names of the files, beside the parts, that belong to it.
    """

    rows: pd.DataFrame | Columns
    stop: Place
    files: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """Finished steps, one after the other.

    Attributes:
        rows: What was found.
        stop: Where the next part begins.
        seconds: What they took.
        remarks: What must be said of how they were made, by what it is about.
    """

    rows: pd.DataFrame
    stop: Place
    seconds: float
    remarks: Mapping[str, str]


class Shards:
    """Finished parts in `folder/shards`, and the plan that all of them follow.

    Without a folder, nothing is stored and nothing can be gone on from.

    Attributes:
        folder: Where the parts are, and files beside them; None without a folder.
        plan: What all parts follow, once it is stored; None before.
        seconds: What the parts took that another process had finished.
        remarks: What those say.
    """

    def __init__(self, folder: Path | None, question: str) -> None:
        """Look for parts.

        Args:
            folder: The run's.
            question: Identity of all that a part depends on; parts of another are removed.
        """
        self.folder = None if folder is None else folder / PARTS
        self.seconds, self.remarks = 0.0, dict[str, str]()
        self._question = question
        is_there = self.folder is not None and self.folder.is_dir()
        files = self.folder.iterdir() if self.folder is not None and is_there else ()
        self._files = {path.name.partition(".")[0]: path for path in files}
        stored = self._read(_PLAN)
        found = {} if stored is None else json.loads(stored)
        self.plan: dict[str, Any] | None = None
        if found.get("question") == question:
            self.plan = found["plan"]
        elif self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._files = {}

    def begin(self, plan: dict[str, Any]) -> None:
        """Store the plan that the parts follow."""
        self.plan = plan
        if self.folder is not None:
            stored = {"question": self._question, "plan": to_json(plan)}
            self._write(_PLAN, json.dumps(stored).encode())

    def rows(
        self,
        examples: int,
        work: Callable[[Place], Iterator[Step]],
        *,
        known: Callable[[Part], None],
        plan: Callable[[], dict[str, Any]] = dict,
        remarks: Callable[[], Mapping[str, str]] = dict,
    ) -> pd.DataFrame:
        """Return the rows of all examples, of finished parts and of work done now.

        Args:
            examples: How many there are.
            work: Yields the steps from a place on.
            known: Told each part that was finished before.
            plan: Returns what all parts must follow from the first that is stored on, where no
                plan is stored yet.
            remarks: Returns what must be said of the work so far.

        Raises:
            StorageError: the parts were taken away meanwhile.
        """
        tables: list[pd.DataFrame] = []
        place = Place()
        while place.example < examples:
            part = self._part(place)
            if part is None:
                for part in self._worked(work(place), place, plan, remarks):
                    tables.append(part.rows)
                    place = part.stop
                if not self._has(place):
                    break
                continue
            known(part)
            self.seconds += part.seconds
            self.remarks = {**part.remarks, **self.remarks}
            tables.append(part.rows)
            place = part.stop
        if _PLAN in self._files and not self._files[_PLAN].is_file():
            raise StorageError(
                "Finished parts of this evaluation are gone: it was silent for so long that "
                "another run went on from them. Start it again."
            )
        filled = [table for table in tables if len(table)]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()

    def publish(self, name: str) -> None:
        """Give the run's folder the files that lie beside the parts in the folder `name`.

        They stay here too, for whoever goes on should the process end before the answer is stored.
        """
        if self.folder is None or not (self.folder / name).is_dir():
            return
        target = self.folder.parent / name
        make_folder(target)
        for path in (self.folder / name).glob("[!.]*"):  # not what a kill left half written
            with suppress(FileExistsError):
                try:
                    os.link(path, target / path.name)
                except (NotImplementedError, PermissionError):  # a file system without links
                    write_bytes(target / path.name, path.read_bytes())

    def _worked(
        self,
        steps: Iterator[Step],
        place: Place,
        plan: Callable[[], dict[str, Any]],
        remarks: Callable[[], Mapping[str, str]],
    ) -> Iterator[Part]:
        """Yield the work from a place on in parts, stored, until the next that was stored before.

        The last steps, which the answer follows at once, are not stored.
        """
        pieces: list[Step] = []
        began = time.perf_counter()
        for step in steps:
            pieces.append(step)
            seconds = time.perf_counter() - began
            is_due = seconds >= PART_SECONDS or self._has(step.stop)
            if self.folder is None or not is_due:
                continue
            if self.plan is None:
                self.begin(plan())
            part = Part(joined([s.rows for s in pieces]), step.stop, seconds, remarks())
            self._store(place, part, [name for s in pieces for name in s.files])
            yield part
            place, pieces, began = step.stop, [], time.perf_counter()
            if self._has(place):
                return
        if pieces:
            seconds = time.perf_counter() - began
            yield Part(joined([s.rows for s in pieces]), pieces[-1].stop, seconds, {})

    def _has(self, place: Place) -> bool:
        return self.plan is not None and _name(place) in self._files

    def _part(self, place: Place) -> Part | None:
        """Return the part that begins at a place; None where none is stored, or only a damaged."""
        data = None if self.plan is None else self._read(_name(place))
        if data is None:
            return None
        table = pq.read_table(io.BytesIO(data))
        facts = json.loads(table.schema.metadata[b"part"])
        if any(self._hash_of(name) != found for name, found in facts["files"].items()):
            self._forget(_name(place))
            return None
        return Part(table.to_pandas(), Place(*facts["stop"]), facts["seconds"], facts["remarks"])

    def _store(self, place: Place, part: Part, files: Iterable[str]) -> None:
        facts = {
            "stop": [part.stop.example, part.stop.step],
            "seconds": part.seconds,
            "remarks": dict(part.remarks),
            "files": {name: self._hash_of(name) for name in files},
        }
        table = pa.Table.from_pandas(part.rows, preserve_index=False)
        metadata = {**(table.schema.metadata or {}), b"part": json.dumps(facts).encode()}
        buffer = io.BytesIO()
        pq.write_table(table.replace_schema_metadata(metadata), buffer)
        self._write(_name(place), buffer.getvalue())

    def _hash_of(self, name: str) -> str:
        """Return the hash of a file beside the parts; empty where it is gone."""
        assert self.folder is not None
        try:
            return _hash((self.folder / name).read_bytes())
        except OSError:
            return ""

    def _read(self, name: str) -> bytes | None:
        """Return what a file holds; None where there is none, or it is not what was written."""
        path = self._files.get(name)
        if path is None:
            return None
        with suppress(OSError):
            data = path.read_bytes()
            if path.name == _file(name, data):
                return data
        self._forget(name)
        return None

    def _forget(self, name: str) -> None:
        """Look at a damaged file no more."""
        with suppress(OSError):
            self._files.pop(name).unlink(missing_ok=True)

    def _write(self, name: str, data: bytes) -> None:
        assert self.folder is not None
        path = self.folder / _file(name, data)
        write_bytes(path, data)
        self._files[name] = path


def _name(place: Place) -> str:
    return f"{place.example:09d}-{place.step:05d}"


def _file(name: str, data: bytes) -> str:
    suffix = "json" if name == _PLAN else "parquet"
    return f"{name}.{_hash(data)}.{suffix}"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def joined(pieces: Sequence[pd.DataFrame | Columns]) -> pd.DataFrame:
    """Return the rows of pieces of one kind, one after the other."""
    tables = [piece for piece in pieces if isinstance(piece, pd.DataFrame)]
    if tables:
        filled = [table for table in tables if len(table)]  # no picture of a step could be decoded
        return pd.concat(filled, ignore_index=True) if filled else tables[0]
    columns = [piece for piece in pieces if not isinstance(piece, pd.DataFrame)]
    return pd.DataFrame({name: np.concatenate([c[name] for c in columns]) for name in columns[0]})
