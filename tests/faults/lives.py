"""Questions asked again and again by processes that are killed, and what must hold after each."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from usable_core.records import to_json
from usable_core.runs import RunStore, Status

ROOT = Path(__file__).parents[2]
READERS = {
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".parquet": pd.read_parquet,
    ".npz": lambda path: [np.load(path)[name] for name in np.load(path).files],
    ".png": lambda path: Image.open(path).load(),
}


class Nursery:
    """The process in which others live, see `nursery.py`."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("nursery.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )
        assert json.loads(self._process.stdout.readline()) == "ready"

    def life(self, home, **order):
        """Return how one life ended: the signal that killed it, its exit status."""
        self._process.stdin.write(json.dumps({"home": str(home), **order}) + "\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        assert found["exit"] != 70, (home.parent / "stderr").read_text()
        return found["signal"], found["exit"]

    def end(self):
        """End it."""
        self._process.kill()
        self._process.wait()


def check_files(home):
    """Every file with a final name is whole, and so is the database."""
    for path in home.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            READERS.get(path.suffix, lambda path: None)(path)
    if not (home / "runs.sqlite").exists():  # killed before there was one
        return
    with sqlite3.connect(home / "runs.sqlite", timeout=30) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def answer_of(home, run):
    """Return the records and the provenance of an answer, without what no two runs share."""
    result = RunStore(home=home).load(run.id)
    records = result.records.drop(columns=["seconds"], errors="ignore")
    source = to_json(result.provenance)
    source.pop("seconds")
    return records, source


def check_same(found, expected):
    pd.testing.assert_frame_equal(found[0], expected[0], check_exact=True)
    assert found[1] == expected[1]


def beside(home, run):
    """Return the contents of the files beside an answer, by name; of archives their arrays."""
    folder, found = RunStore(home=home).folder(run.id), {}
    for name in json.loads((folder / "files.json").read_text()):
        if name.endswith(".npz"):
            with np.load(folder / name) as arrays:
                found[name] = {key: arrays[key].tobytes() for key in sorted(arrays)}
        elif name == "card.json":
            found[name] = json.loads((folder / name).read_text(encoding="utf-8"))
            found[name]["measured"].pop("training_seconds")
        elif not name.endswith(".parquet"):
            found[name] = (folder / name).read_bytes()
    return found


def statuses(home):
    """Return the statuses of the runs in the list."""
    return [run.status for run in RunStore(home=home).list()]


def went_on(home, run):
    """Tell whether a run went on from the parts of another."""
    return "Going on from" in (RunStore(home=home).folder(run.id) / "events.jsonl").read_text()


def is_over(status):
    return status in (Status.DONE, Status.LOST)
