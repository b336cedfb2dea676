"""What every measurement shares: its examples, its parts, their pictures, and its progress.

A kind of measurement is `plan -> part -> merge`. The plan says what all parts follow; a part turns
some of the examples into records and knows nothing of other parts, so it may run anywhere, and is
stored once it is finished (`Shards`); merging turns the records of all parts into the result. Where
a part needs to know no more than the question, `measured` is plan and merge.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import batches, unreadable
from usable_core.device import device_name
from usable_core.errors import DatasetRefused
from usable_core.evaluations.result import Evaluation
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance, Report, silent
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import evaluated_part, provenance, ready
from usable_core.measuring.shards import Place, Shards, Step
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model
from usable_core.records import to_json
from usable_core.versions import versions

_SECONDS_BETWEEN_REPORTS = 0.5


class Streamed(Evaluation, Protocol):
    """A question whose parts need to know no more."""

    @property
    def dataset(self) -> DatasetSpec:
        """Return the data."""

    @property
    def batch_size(self) -> int | None:
        """Return the examples per forward pass; None for the fastest."""


Question = TypeVar("Question", bound=Streamed)


@dataclass(frozen=True)
class Examples:
    """The examples that a question asks about.

    Attributes:
        dataset: They, in order.
        labels: Their true classes (N,) as the model numbers them.
    """

    dataset: Dataset
    labels: Indices

    def __len__(self) -> int:
        return len(self.dataset)


def examples_of(model: Model, dataset: Dataset, spec: DatasetSpec) -> Examples:
    """Return the examples that `spec` asks for; the model is moved to where it will work.

    Raises:
        IncompatibleLabels: the model does not know the data set's classes.
        DatasetRefused: there are none.
    """
    part = evaluated_part(ready(model), dataset, spec)
    if len(part) == 0:
        raise DatasetRefused(f"{part.name} has no examples to evaluate. Choose another part of it.")
    return Examples(part, target_indices(model, part)[part.targets])


class Progress:
    """Examples that are finished, and shares of those seen so far, told to a report.

    Attributes:
        message: What is being done.
    """

    def __init__(self, total: int, report: Report = silent, message: str = "") -> None:
        self.message = message
        self._total, self._report = total, report
        self._done, self._told = 0, 0.0
        self._counts: dict[str, tuple[int, int]] = {}

    def add(self, done: int, **counts: tuple[int, int]) -> None:
        """Add finished examples, and by name how many had a property of how many looked at."""
        self._done += done
        for name, (some, all_) in counts.items():
            before = self._counts.get(name, (0, 0))
            self._counts[name] = before[0] + some, before[1] + all_

    def reach(self, done: int) -> None:
        """Say that so many examples are finished, some of them by another process."""
        self._done = done

    def tell(self) -> None:
        """Tell it now; raises `Cancelled` where the user stopped the work."""
        self._told = time.monotonic()
        shares = {name: some / all_ for name, (some, all_) in self._counts.items() if all_}
        self._report(self._done, self._total, self.message, **shares)

    def tick(self, images: int = 0) -> None:
        """Show life at most twice a second, from inside long work."""
        if time.monotonic() - self._told > _SECONDS_BETWEEN_REPORTS:
            self.tell()


@dataclass(frozen=True)
class Objects:
    """What a part works with.

    Attributes:
        oracle: The model.
        examples: All examples.
        progress: Told what is finished.
        batch: Examples that are held in memory together, from the first on.
    """

    oracle: Oracle
    examples: Examples
    progress: Progress
    batch: int = 1

    def batches(self, place: Place) -> Iterator[tuple[Tensor, Indices, Place]]:
        """Yield images (n, 3, H, W) from a place on, which they are (n,), and the place of each.

        A batch of which no picture can be decoded is left out.
        """
        rows = slice(place.example, None)
        for x, indices in pictures(self.oracle, self.examples, rows, self.batch):
            start = int(indices[0]) // self.batch * self.batch
            yield x, indices, place if start == place.example else Place(start)

    def after(self, place: Place) -> Place:
        """Return where the batch that begins at a place is finished."""
        return Place(min(place.example + self.batch, len(self.examples)))


@dataclass(frozen=True, eq=False)
class Kind(Generic[Question]):
    """A kind of measurement whose parts need to know no more than the question.

    Attributes:
        steps: Yields the steps of work from a place on.
        outcomes: Of each example.
    """

    steps: Callable[[Objects, Question, Place], Iterator[Step]]
    outcomes: int = 1


def measured(
    model: Model,
    dataset: Dataset,
    config: Question,
    kind: Kind[Question],
    report: Report,
    folder: Path | None,
    *others: str,
) -> tuple[Examples, pd.DataFrame, Provenance]:
    """Return the examples that are asked about, the rows of all parts, and where they come from.

    Args:
        model: Pixels to logits.
        dataset: The whole data set.
        config: The question.
        kind: How it is answered.
        report: Told the progress; raises `Cancelled`.
        folder: Where finished parts are stored, and may lie already; None stores none.
        *others: Fingerprints of what else the question names.

    Raises:
        IncompatibleLabels, DatasetRefused: as `examples_of`.
    """
    started = time.perf_counter()
    examples = examples_of(model, dataset, config.dataset)
    shards = Shards(folder, question_of(model, examples.dataset, config, *others))
    size = config.batch_size if shards.plan is None else shards.plan["size"]
    oracle = Oracle(model, fixed_size=size, precision=getattr(config, "precision", "float32"))
    batch = max(oracle.size().largest, model.input.window)
    batch = batch if shards.plan is None else shards.plan["batch"]
    progress = Progress(kind.outcomes * len(examples), report, "Classifying")
    objects = Objects(oracle, examples, progress, batch)

    def plan() -> dict[str, Any]:  # whoever goes on must round as this process does
        if not oracle.size().is_settled:
            oracle.size().settle()
        return {"batch": batch, "size": oracle.size().current}

    with oracle:
        table = shards.rows(
            len(examples),
            lambda place: kind.steps(objects, config, place),
            plan=plan,
            known=lambda part: progress.reach(
                kind.outcomes * part.stop.example + batch * part.stop.step
            ),
            remarks=lambda: dict.fromkeys(oracle.halvings, ""),
        )
    list_unread(examples.dataset, model, table)
    source = provenance(
        model,
        examples.dataset,
        seconds=shards.seconds + time.perf_counter() - started,
        batch_size=oracle.size().current,
        warnings=tuple(dict.fromkeys((*shards.remarks, *oracle.halvings))),
    )
    return examples, table, source


def question_of(model: Model, part: Dataset, config: Evaluation, *others: str) -> str:
    """Return the identity of all that a finished part depends on, the machine's rounding among it.

    Args:
        model: Where it will work.
        part: The examples.
        config: The question.
        others: Fingerprints of what else it names.
    """
    settings = {
        field.name: to_json(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if not isinstance(getattr(config, field.name), (ModelSpec, DatasetSpec))
    }
    named = model.fingerprint, model.labels.names, part.fingerprint, part.ids, others
    machine = str(model.device), device_name(model.device), torch.get_num_threads()
    text = json.dumps([type(config).__name__, settings, named, machine, versions()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def list_unread(part: Dataset, model: Model, table: pd.DataFrame) -> None:
    """Try examples without a row once more, so that the data set lists them and says why.

    Raises:
        DatasetRefused: no example has a row, for no picture can be decoded.
    """
    rows = table["index"].to_numpy() if len(table) else np.empty(0, np.int64)
    for index in np.setdiff1d(np.arange(len(part)), rows):
        part.tried(int(index), model.input.read)
    if len(part.left_out) - len(part.refused) == len(part):
        raise unreadable(part)


def pictures(
    oracle: Oracle, examples: Examples, rows: slice, size: int
) -> Iterator[tuple[Tensor, Indices]]:
    """Yield images (n, 3, H, W) of some examples, on the model's device, and which they are (n,).

    Args:
        oracle: The model.
        examples: All examples.
        rows: Which of them.
        size: Images at once; fewer where one cannot be decoded, which is then left out.
    """
    indices = np.arange(len(examples))[rows]
    is_all = len(indices) == len(examples)
    part = examples.dataset if is_all else examples.dataset.take(indices)
    for x, _, places in batches(part, oracle.model.input, size):
        images = oracle.model.laid_out(x.to(oracle.device))
        yield images, indices[places.numpy()]


def first_pictures(oracle: Oracle, examples: Examples, count: int) -> Tensor:
    """Return some images (n, 3, H, W), the first that can be decoded.

    Raises:
        DatasetRefused: none can.
    """
    for images, _ in pictures(oracle, examples, slice(None), count):
        return images
    raise unreadable(examples.dataset)


def answers(oracle: Oracle, examples: Examples, rows: slice) -> Iterator[tuple[Indices, Tensor]]:
    """Yield (which (n,), logits (n, classes) float64 on the processor) of some examples.

    Raises:
        OutputsRefused: the outputs are not those of a classifier.
    """
    ahead = max(oracle.size().largest, oracle.model.input.window)
    for x, indices in pictures(oracle, examples, rows, ahead):
        for piece, logits in oracle.stream(len(x), x.__getitem__):
            yield indices[piece], logits.cpu().double()
