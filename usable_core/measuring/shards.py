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
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from usable_core.errors import StorageError
from usable_core.files import make_folder, write_bytes
from usable_core.measuring.work import Part, Place, Step, Work, joined
from usable_core.records import to_json
from usable_core.runs.artifacts import PARTS

PART_SECONDS = 5.0  # of work that a kill may lose; writing a part takes 5 ms
_PLAN = "plan"


class Shards:
    """Finished parts in `folder/shards`, and the plan that all of them follow.

    Without a folder, nothing is stored and nothing can be gone on from.

    Attributes:
        folder: Where the parts are, and files beside them; None without a folder.
        plan: What all parts follow, once it is stored; None before.
        seconds: What the parts took that another process had finished.
        remarks: What those say.
        hosts: Machines that made parts for the run's own process.
    """

    def __init__(self, folder: Path | None, question: str) -> None:
        """Look for parts.

        Args:
            folder: The run's.
            question: Identity of all that a part depends on; parts of another are removed.
        """
        self.folder = None if folder is None else folder / PARTS
        self.seconds, self.remarks, self.hosts = 0.0, dict[str, str](), set[str]()
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

    def rows(self, work: Work) -> pd.DataFrame:
        """Return the rows of all examples, of finished parts and of work done now.

        Raises:
            StorageError: the parts were taken away meanwhile.
        """
        tables: list[pd.DataFrame] = []
        place, end = Place(), Place(len(work))
        while place < end:
            part = self._part(place)
            if part is None:
                for part in self._worked(work, place):
                    tables.append(part.rows)
                    place = part.stop
                if not self._has(place):
                    break
                continue
            work.reach(work.count(part.stop))
            self.seconds += part.seconds
            self.remarks = {**part.remarks, **self.remarks}
            self.hosts |= {part.host} - {""}
            tables.append(part.rows)
            place = part.stop
        if _PLAN in self._files and not self._files[_PLAN].is_file():
            raise StorageError(
                "Finished parts of this evaluation are gone: it was silent for so long that "
                "another run went on from them. Start it again."
            )
        filled = [table for table in tables if len(table)]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()

    def gaps(self, examples: int) -> list[tuple[Place, Place]]:
        """Return from where to where no part is stored."""
        found, place, end = [], Place(), Place(examples)
        later = sorted(Place(*map(int, name.split("-"))) for name in self._files if "-" in name)
        while place < end:
            part = self._part(place)
            if part is None:
                stop = next((other for other in later if place < other < end), end)
                found.append((place, stop))
                place = stop
            else:
                place = part.stop
        return found

    def add(self, place: Place, part: Part, files: Iterable[str]) -> None:
        """Store a part that was not made by `rows`; its files are here already."""
        self._store(place, part, files)
        self.seconds -= part.seconds  # `rows` will add them, but this process lived all the while

    def publish(self, name: str, files: Iterable[str] | None = None) -> None:
        """Give the run's folder files, or all, that lie beside the parts in the folder `name`.

        They stay here too, for whoever goes on should the process end before the answer is stored.
        """
        if self.folder is None or not (self.folder / name).is_dir():
            return
        target = self.folder.parent / name
        make_folder(target)
        folder = self.folder / name
        whole = folder.glob("[!.]*")  # not what a kill left half written
        for path in whole if files is None else map(folder.joinpath, files):
            with suppress(FileExistsError):
                try:
                    os.link(path, target / path.name)
                except (NotImplementedError, PermissionError):  # a file system without links
                    write_bytes(target / path.name, path.read_bytes())

    def _worked(self, work: Work, place: Place) -> Iterator[Part]:
        """Yield the work from a place on in parts, stored, until the next that was stored before.

        The last steps, which the answer follows at once, are not stored.
        """
        pieces: list[Step] = []
        began = time.perf_counter()
        for step in work.steps(place):
            pieces.append(step)
            seconds = time.perf_counter() - began
            is_due = seconds >= PART_SECONDS or self._has(step.stop)
            if self.folder is None or not is_due:
                continue
            if self.plan is None:
                self.begin(work.plan())
            part = Part(joined([s.rows for s in pieces]), step.stop, seconds, work.remarks())
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
        seconds, remarks, host = facts["seconds"], facts["remarks"], facts.get("host", "")
        return Part(table.to_pandas(), Place(*facts["stop"]), seconds, remarks, host)

    def _store(self, place: Place, part: Part, files: Iterable[str]) -> None:
        facts = {
            "stop": [part.stop.example, part.stop.step],
            "seconds": part.seconds,
            "remarks": dict(part.remarks),
            "host": part.host,
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
