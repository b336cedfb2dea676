"""Processor time of `usable runs list` on many runs, beside SQLite reading and printing the rows.

    python -m benchmarks.run_list [--runs 5000] [--rounds 5]

Both in one process, alternating; then the command in processes of its own, imports included. The
aim of those is 1 s.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks._timing import conditions, interleave
from usable_core import cli
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore

SUMMARY = json.dumps({"cells": list(range(1200))})  # as large as that of corruptions


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["USABLE_HOME"] = home
        fill(Path(home) / "runs.sqlite", asked.runs)
        words = ["runs", "list", "--limit", str(asked.runs)]
        floor, ours = interleave(
            {
                "sqlite3": lambda: said(lambda: plain(Path(home) / "runs.sqlite")),
                "usable": lambda: said(lambda: cli.main(words)),
            },
            rounds=asked.rounds,
        )
        whole = statistics.median(alone(words) for _ in range(asked.rounds))
    print(f"{conditions()}; {asked.runs} runs, each with a summary of {len(SUMMARY):,} bytes\n")
    print("| | seconds | of the floor | in a process of its own |\n|---|---:|---:|---:|")
    print(f"| sqlite3, four columns printed | {floor.seconds:.3f} | 1 | |")
    print(f"| `usable runs list` | {ours.seconds:.3f} | {ours.ratio:.1f} | {whole:.2f} s |")


def fill(database: Path, count: int) -> None:
    """Make a store of many finished runs."""
    for seed in range(2):
        RunStore().create(
            AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits", seed=seed))
        )
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE runs SET status = 'done', summary = ?", (SUMMARY,))
        names = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        others = ", ".join(f'"{name}"' for name in names if name != "id")
        connection.execute(
            "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < ?) "
            f"INSERT INTO runs (id, {others}) SELECT id || i, {others} FROM runs, k",
            (count // 2 - 1,),
        )


def plain(database: Path) -> None:
    """Read and print the columns of a list."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for row in connection.execute("SELECT id, status, created, title FROM runs ORDER BY id"):
            print(*row)


def said(work: Callable[[], object]) -> str:
    """Return what some work prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        work()
    return out.getvalue()


def alone(words: list[str]) -> float:
    """Return the processor time (s) of the command in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "usable_core.cli", *words], check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
