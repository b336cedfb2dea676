"""What every measurement shares: its examples, its parts, their pictures, and its progress.

A kind of measurement is `plan -> part -> merge`. The plan says what all parts follow; `part` turns
a slice of the examples into records and knows nothing of other parts, so it may run anywhere;
`merge` turns the records of all parts into the result. Where a part needs to know no more than the
question, `measured` is plan and merge.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import batches, unreadable
from usable_core.errors import DatasetRefused
from usable_core.evaluations.result import Evaluation
from usable_core.evaluations.specs import DatasetSpec, Provenance, Report, silent
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import evaluated_part, provenance, ready
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model

Question = TypeVar("Question", bound=Evaluation)
Columns = dict[str, np.ndarray]

_SECONDS_BETWEEN_REPORTS = 0.5
_PART = 2**14  # examples: on one machine nearly every data set is a single part


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


@dataclass(frozen=True)
class Plan:
    """How examples are divided into parts.

    Attributes:
        examples: How many there are.
        size: Of a part, but for the last.
    """

    examples: int
    size: int

    @property
    def parts(self) -> list[slice]:
        """Return the parts, in order."""
        starts = range(0, self.examples, self.size)
        return [slice(start, min(start + self.size, self.examples)) for start in starts]


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
    """

    oracle: Oracle
    examples: Examples
    progress: Progress


def measured(
    oracle: Oracle,
    dataset: Dataset,
    config: Question,
    part: Callable[[Objects, Question, slice], Iterator[Columns]],
    report: Report,
    *,
    outcomes: int = 1,
) -> tuple[Examples, pd.DataFrame, Provenance]:
    """Return the examples that are asked about, the rows of all parts, and where they come from.

    Args:
        oracle: The model.
        dataset: The whole data set.
        config: The question.
        part: Yields columns of rows of a slice of the examples, `index` among them.
        report: Told the progress; raises `Cancelled`.
        outcomes: Of each example.

    Raises:
        IncompatibleLabels, DatasetRefused: as `examples_of`.
    """
    started = time.perf_counter()
    examples = examples_of(oracle.model, dataset, config.dataset)
    objects = Objects(oracle, examples, Progress(outcomes * len(examples), report, "Classifying"))
    with oracle:
        parts = Plan(len(examples), _PART).parts
        tables = [table for rows in parts for table in part(objects, config, rows)]
    list_unread(examples.dataset, oracle.model, [t["index"] for t in tables])
    table = pd.DataFrame({name: np.concatenate([t[name] for t in tables]) for name in tables[0]})
    source = provenance(
        oracle.model,
        examples.dataset,
        seconds=time.perf_counter() - started,
        batch_size=oracle.size().current,
        warnings=oracle.halvings,
    )
    return examples, table, source


def list_unread(part: Dataset, model: Model, indices: list[Indices]) -> None:
    """Try examples without a row once more, so that the data set lists them and says why.

    Raises:
        DatasetRefused: no example has a row, for no picture can be decoded.
    """
    rows = np.concatenate([np.empty(0, np.int64), *indices])
    for index in np.setdiff1d(np.arange(len(part)), rows):
        part.tried(int(index), model.preprocessing.pixels)
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
    for x, _, places in batches(part, oracle.model.preprocessing, size):
        images = x.to(oracle.device, memory_format=torch.channels_last)
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
    for x, indices in pictures(oracle, examples, rows, oracle.size().largest):
        for piece, logits in oracle.stream(len(x), x.__getitem__):
            yield indices[piece], logits.cpu().double()
