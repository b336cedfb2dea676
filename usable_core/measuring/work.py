"""What is done from examples to rows: steps, each of which says where the next one begins."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset

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
        host: Machine that made them for the run's own process; empty where that did it.
    """

    rows: pd.DataFrame
    stop: Place
    seconds: float
    remarks: Mapping[str, str]
    host: str = ""


@dataclass(frozen=True, eq=False)
class Work:
    """What is to be done of a question, which can begin at any place.

    Attributes:
        oracle: The model; it is entered while the work goes on.
        dataset: All examples.
        steps: Yields the steps from a place on.
        plan: Returns what all parts must follow once the first is finished.
        remarks: Returns what must be said of the work so far.
        count: Returns what progress counts up to a place.
        reach: Told how much of that is finished.
        tell: Shows life; raises `Cancelled`.
        unit: Examples that are held in memory together, from the first on.
        pieces: Steps that these take.
    """

    oracle: Oracle
    dataset: Dataset
    steps: Callable[[Place], Iterator[Step]]
    plan: Callable[[], dict[str, Any]]
    remarks: Callable[[], Mapping[str, str]]
    count: Callable[[Place], int]
    reach: Callable[[int], None]
    tell: Callable[[], None]
    unit: int = 1
    pieces: int = 1

    def __len__(self) -> int:
        return len(self.dataset)

    def number(self, place: Place) -> int:
        """Return the number of the step that begins at a place."""
        units = -(-place.example // self.unit)  # the last may hold fewer examples
        return units * self.pieces + min(place.step, self.pieces - 1)

    def after(self, place: Place, steps: int) -> Place:
        """Return where so many steps from a place on are finished."""
        units, step = divmod(self.number(place) + steps, self.pieces)
        example = units * self.unit
        return Place(example, step) if example < len(self) else Place(len(self))


def gathered(work: Work, start: Place, stop: Place, seconds: float) -> tuple[Part, tuple[str, ...]]:
    """Return the steps between two places, fewer once they took so long, and their files."""
    began, pieces = time.perf_counter(), list[Step]()
    for step in work.steps(start):
        if step.stop > stop:  # what was to come before could not be read
            break
        pieces.append(step)
        if step.stop == stop or time.perf_counter() - began >= seconds:
            break
    took = time.perf_counter() - began
    is_whole = not pieces or took < seconds  # nothing is left before `stop`
    rows = joined([step.rows for step in pieces]) if pieces else pd.DataFrame()
    end = stop if is_whole else pieces[-1].stop
    return Part(rows, end, took, work.remarks()), tuple(f for s in pieces for f in s.files)


def joined(pieces: Sequence[pd.DataFrame | Columns]) -> pd.DataFrame:
    """Return the rows of pieces of one kind, one after the other."""
    tables = [piece for piece in pieces if isinstance(piece, pd.DataFrame)]
    if tables:
        filled = [table for table in tables if len(table)]  # no picture of a step could be decoded
        return pd.concat(filled, ignore_index=True) if filled else tables[0]
    columns = [piece for piece in pieces if not isinstance(piece, pd.DataFrame)]
    return pd.DataFrame({name: np.concatenate([c[name] for c in columns]) for name in columns[0]})
