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
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import pandas as pd
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.device import device_name
from usable_core.evaluations.result import Evaluation
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance, Report, silent
from usable_core.measuring.examples import Examples, Progress, examples_of, list_unread, pictures
from usable_core.measuring.node import Errand
from usable_core.measuring.provenance import provenance
from usable_core.measuring.shards import Shards
from usable_core.measuring.spreading import joined_cluster, spread
from usable_core.measuring.work import Place, Step, Work
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model
from usable_core.records import to_json
from usable_core.versions import versions


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
class Objects:
    """What a part works with.

    Attributes:
        oracle: The model.
        examples: All examples.
        progress: Told what is finished.
        batch: Examples that are held in memory together, from the first on.
        judge: Another model, that reads what became of examples; None without one.
    """

    oracle: Oracle
    examples: Examples
    progress: Progress
    batch: int = 1
    judge: Model | None = None

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


def one(*_: object) -> int:
    """Return 1, whatever the question."""
    return 1


@dataclass(frozen=True, eq=False)
class Kind(Generic[Question]):
    """A kind of measurement whose parts need to know no more than the question.

    Its functions are those of a module, so that another process finds them by their names.

    Attributes:
        steps: Yields the steps of work from a place on.
        outcomes: Of each example.
        pieces: Returns how many steps a question takes with so many examples held in memory.
    """

    steps: Callable[[Objects, Question, Place], Iterator[Step]]
    outcomes: Callable[[Question], int] = one
    pieces: Callable[[Question, int], int] = one


def measured(
    model: Model,
    dataset: Dataset,
    config: Question,
    kind: Kind[Question],
    report: Report,
    folder: Path | None,
    judge: Model | None = None,
) -> tuple[Examples, pd.DataFrame, Provenance]:
    """Return the examples that are asked about, the rows of all parts, and where they come from.

    Args:
        model: Pixels to logits.
        dataset: The whole data set.
        config: The question.
        kind: How it is answered.
        report: Told the progress; raises `Cancelled`.
        folder: Where finished parts are stored, and may lie already; None stores none.
        judge: Another model that the question names.

    Raises:
        IncompatibleLabels, DatasetRefused: as `examples_of`.
    """
    started = time.perf_counter()
    examples = examples_of(model, dataset, config.dataset)
    cluster = joined_cluster(model, folder)
    others = () if judge is None else (judge.fingerprint,)
    shards = Shards(folder, question_of(model, examples.dataset, config, *others))
    work = work_of(model, examples, config, kind, shards.plan, report, judge)
    named = ("model", "dataset") if judge is None else ("model", "dataset", "judge")
    with work.oracle:
        spread(shards, work, Errand(partial(opened, kind=kind), config, named), cluster)
        table = shards.rows(work)
    list_unread(examples.dataset, model, table)
    source = provenance(
        model,
        examples.dataset,
        seconds=shards.seconds + time.perf_counter() - started,
        batch_size=work.oracle.size().current,
        warnings=tuple(dict.fromkeys((*shards.remarks, *work.oracle.halvings))),
        hosts=shards.hosts,
    )
    return examples, table, source


def opened(
    model: Model,
    dataset: Dataset,
    config: Question,
    plan: dict[str, Any],
    folder: Path,
    kind: Kind[Question],
    judge: Model | None = None,
) -> Work:
    """Return the work of a question, as another process planned it; nothing goes into `folder`."""
    examples = examples_of(model, dataset, config.dataset)
    return work_of(model, examples, config, kind, plan, silent, judge)


def work_of(
    model: Model,
    examples: Examples,
    config: Question,
    kind: Kind[Question],
    planned: dict[str, Any] | None,
    report: Report,
    judge: Model | None,
) -> Work:
    """Return the work of a question, as it is planned or, without a plan, as it comes."""
    size = config.batch_size if planned is None else planned["size"]
    oracle = Oracle(model, fixed_size=size, precision=getattr(config, "precision", "float32"))
    batch = max(oracle.size().largest, model.input.window)
    batch = batch if planned is None else planned["batch"]
    outcomes = kind.outcomes(config)
    progress = Progress(outcomes * len(examples), report, "Classifying")
    objects = Objects(oracle, examples, progress, batch, judge)

    def plan() -> dict[str, Any]:  # whoever goes on must round as this process does
        if not oracle.size().is_settled:
            oracle.size().settle()
        return {"batch": batch, "size": oracle.size().current}

    return Work(
        oracle,
        examples.dataset,
        lambda place: kind.steps(objects, config, place),
        plan=plan,
        remarks=lambda: dict.fromkeys(oracle.halvings, ""),
        count=lambda place: outcomes * place.example + batch * place.step,
        reach=progress.reach,
        tell=progress.tell,
        unit=batch,
        pieces=kind.pieces(config, batch),
    )


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
