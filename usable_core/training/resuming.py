"""`Checkpoints`: what a training leaves now and then, for whoever goes on should it be ended.

Each is one file, whole or absent, whose name holds the hash of its content, so that one which a
disk has damaged is not gone on from.
"""

import hashlib
import io
import json
import signal
import threading
import time
import types
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.files import write_bytes
from usable_core.records import to_json
from usable_core.runs.artifacts import CHECKPOINT, PARTS
from usable_core.training import processes

KEPT = 2  # newest checkpoints: should one be damaged, there is the one before
SECONDS = 60.0  # of work that a kill may lose,
SHARE = 0.05  # or this share of the steps, whichever is less,
LEAST_SECONDS = 5.0  # but not less than this: so much is soon done again,
COST = 0.01  # and no more of the time than this goes into writing
_COPIES = 3  # of the weights: with the last good ones and the optimizer's
_PACE = 3e8  # bytes in a second, of a writing that was not timed yet


class Checkpoints:
    """The checkpoints of one training, in `folder/shards`; without a folder there are none."""

    def __init__(self, folder: Path | None, question: str) -> None:
        """Look nowhere yet.

        Args:
            folder: The run's.
            question: Identity of all that a checkpoint depends on; those of another are not read.
        """
        is_kept = folder is not None and processes.rank() == 0  # the first writes for all
        self._folder = cast(Path, folder) / PARTS if is_kept else None
        self._question = question
        self._within: list[Checkpoints] = []
        self._written, self._when, self._steps, self._took = 0, time.monotonic(), 1, 0.0

    def within(self, name: str) -> "Checkpoints":
        """Return those of a training that comes before this one; they are removed with these."""
        found = Checkpoints(None, self._question)
        found._folder = None if self._folder is None else self._folder / name
        self._within.append(found)
        return found

    def newest(self, device: torch.device) -> dict[str, Any] | None:
        """Return the state that was written last and can be read, its tensors on a device."""
        newest = self._paths()[::-1]
        for k in range(processes.of_first(len(newest))):
            data = processes.from_first(partial(_whole, newest, k))
            if data is None:
                continue
            found = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
            if found["question"] == self._question:
                state: dict[str, Any] = found["state"]
                return state
        return None

    def begin(self, step: int, steps: int, modules: Iterable[nn.Module] = ()) -> None:
        """Count from a step on, of so many, in the training of modules.

        What the first writing takes is told by their size.
        """
        self._written, self._when, self._steps = step, time.monotonic(), steps
        states = (module.state_dict() for module in modules)
        size = sum(tensor.nbytes for state in states for tensor in state.values())
        self._took = _COPIES * size / _PACE

    def is_due(self, step: int) -> bool:
        """Tell whether the state after a step is worth writing."""
        waited = time.monotonic() - self._when
        if self._folder is None or waited < max(LEAST_SECONDS, self._took / COST):
            return False
        return waited >= SECONDS or step - self._written >= SHARE * self._steps

    def write(self, step: int, state: dict[str, Any]) -> None:
        """Write the state after a step, in one move, and remove those that are not needed now.

        Raises:
            StorageError: the disk is full, or the folder cannot be written; those before stay.
        """
        if self._folder is None:
            return
        began, buffer = time.monotonic(), io.BytesIO()
        torch.save({"question": self._question, "state": state}, buffer)
        data = buffer.getvalue()
        write_bytes(self._folder / _name(f"{step:09d}", data), data)
        for path in self._paths()[:-KEPT]:
            path.unlink(missing_ok=True)
        self._written, self._when = step, time.monotonic()
        self._took = self._when - began

    def remove(self) -> None:
        """Remove all: the training is over."""
        for other in self._within:
            other.remove()
        for path in self._paths():
            path.unlink(missing_ok=True)
        with suppress(OSError):  # there is none, or it holds what is not ours
            if self._folder is not None:
                self._folder.rmdir()

    def _paths(self) -> list[Path]:
        return [] if self._folder is None else sorted(self._folder.glob(f"*{CHECKPOINT}"))


def question_of(
    config: PretrainingConfig | FineTuningConfig, train: Dataset, *fingerprints: str
) -> str:
    """Return the identity of all that the weights after a step depend on.

    Args:
        config: The question, its schedule resolved.
        train: What is trained on.
        fingerprints: Of what else it names.
    """
    fields = to_json(config)
    for name, spec in vars(config).items():
        if isinstance(spec, (ModelSpec, DatasetSpec)):
            for place in spec.said_by_fingerprint:
                fields[name].pop(place, None)
    named = (train.fingerprint, train.ids, fingerprints, *sorted(train.unreadable))
    text = json.dumps([type(config).__name__, fields, named], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _whole(paths: Sequence[Path], k: int) -> bytes | None:
    """Return what one of the checkpoints holds; None where a disk has damaged it."""
    path = paths[k]
    data = path.read_bytes()
    return data if path.name == _name(path.name.partition(".")[0], data) else None


def _name(step: str, data: bytes) -> str:
    return f"{step}.{hashlib.sha256(data).hexdigest()[:16]}{CHECKPOINT}"


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let signals that ask for the end wait until the block is over, so that it is done whole."""
    heard: list[int] = []

    def hear(number: int, _frame: types.FrameType | None) -> None:
        heard.append(number)

    is_main = threading.current_thread() is threading.main_thread()
    numbers = [signal.SIGINT, signal.SIGTERM] if is_main else []
    before = {n: signal.signal(n, hear) for n in numbers if signal.getsignal(n) is not None}
    try:
        yield
    finally:
        for asked, handler in before.items():
            signal.signal(asked, handler)
        for number in heard:
            signal.raise_signal(number)
