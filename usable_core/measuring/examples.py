"""The examples that a measurement asks about, read, and the progress that is made with them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import batches, unreadable
from usable_core.errors import DatasetRefused
from usable_core.evaluations.specs import DatasetSpec, Report, silent
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import evaluated_part, ready
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model

_SECONDS_BETWEEN_REPORTS = 0.5


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
