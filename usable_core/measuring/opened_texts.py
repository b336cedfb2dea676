"""Texts as a program that answers them has them: read one by one, then made the input.

What an answer takes depends on how long the text is. So texts are taken whose lengths are spread as
those of the data, and batches are of texts of like length, as Usable itself measures them: a batch
is as long as its longest text.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from usable_core.asking.batch_size import is_out_of_memory
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import unreadable
from usable_core.errors import DatasetRefused
from usable_core.evaluations.cost import CostConfig
from usable_core.measuring.provenance import evaluated_part
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model

MOST_TEXTS = 64  # different ones that are read in turn
MOST_READ = 2000  # of which those are chosen
TRIED = tuple(2**k for k in range(2, 10))  # texts at once, of which the fastest is found
TRIED_SECONDS, SLOWER = 8.0, 1.5  # where finding it ends
_GOLDEN = 0.618033988749895  # steps of it reach every part of a range alike


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts that are read and made the model's input, in turn.

    Attributes:
        model: Whose input they become.
        part: Where they are taken from; None for one that shows nothing.
        readable: Which of them are taken, the shortest first.
        lengths: Pieces of each that the model reads, in the order of the data.
        place: Of each of those taken, where it stands among `lengths`.
    """

    model: Model
    part: Dataset | None
    readable: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    place: tuple[int, ...] = ()
    size: None = None

    @classmethod
    def of(cls, model: Model, dataset: Dataset | None, config: CostConfig) -> "Texts":
        """Return texts that the question asks about, as long as those of the data are.

        Raises:
            DatasetRefused: there are none, or none that the model reads.
        """
        if dataset is None or config.dataset is None:
            return cls(model, None)
        part = evaluated_part(model, dataset, config.dataset)
        if len(part) == 0:
            raise DatasetRefused(f"{part.name} has no texts. Choose another part of it.")
        read = {
            index: x.shape[-1]
            for index in range(min(len(part), MOST_READ))
            if (x := part.tried(index, model.input.read)) is not None
        }
        if not read:
            raise unreadable(part)
        lengths = np.array(list(read.values()))
        count = min(MOST_TEXTS, len(read))
        ranks = ((np.arange(count) + 0.5) * len(read) / count).astype(int)
        place = np.argsort(lengths, kind="stable")[ranks].tolist()
        indices = list(read)
        return cls(model, part, tuple(indices[p] for p in place), tuple(lengths.tolist()), place)

    @property
    def pieces(self) -> tuple[int, int, int]:
        """Return the pieces of the shortest, the median and the longest text."""
        if self.part is None:
            return (self.model.input.blank(1).shape[-1],) * 3
        own = np.array(self.lengths)[list(self.place)]
        return int(own.min()), int(np.median(own)), int(own.max())

    def opened(self, start: int, count: int) -> list[str]:
        """Return the next texts: of like length where there are several, in a mixed order."""
        if self.part is None:
            return []
        return [self.part[place][0] for place in self._batch(start // count, count)]

    def images(self, opened: Sequence[str], count: int) -> Tensor:
        """Return read texts as one batch (N, 1, 1, L) on the model's device."""
        takes = self.model.input
        x = takes.stack([takes.read(text) for text in opened]) if opened else takes.blank(count)
        return x.to(self.model.device)

    def some(self, count: int) -> Tensor:
        """Return texts (count, 1, 1, L) of median length."""
        return self._at((len(self.readable) - count) // 2, count)

    def largest(self, count: int) -> Tensor:
        """Return the longest texts (count, 1, 1, L), which need the most memory."""
        return self._at(len(self.readable) - count, count)

    def padding(self, count: int) -> tuple[float, float]:
        """Return which share of what the network reads only fills up, in batches of some size.

        First as they are timed, of like length; then as they come in the data.
        """
        own = np.array(self.lengths)[list(self.place)]
        as_they_come = own[np.argsort(self.place)]
        return _filled(np.sort(own), count), _filled(as_they_come, count)

    def _at(self, start: int, count: int) -> Tensor:
        if self.part is None:
            return self.images([], count)
        chosen = self.readable[max(0, start) :][:count]
        some = [chosen[k % len(chosen)] for k in range(count)]
        return self.images([self.part[place][0] for place in some], count)

    def _batch(self, number: int, count: int) -> list[int]:
        """Return which texts are in a batch: neighbours by length, batches in a mixed order."""
        n = len(self.readable)
        starts = np.minimum(np.arange(0, n, count), max(0, n - count))
        start = starts[_mixed(len(starts))[number % len(starts)]]
        return [self.readable[place] for place in np.sort((start + np.arange(count)) % n)]


def fastest_size(texts: Texts) -> int:
    """Return the batch size at which all texts together are answered soonest."""
    model = texts.model
    began, taken = time.monotonic(), dict[int, float]()
    n = max(len(texts.readable), 1)
    for size in TRIED:
        batches = [texts.images(texts.opened(k * size, size), size) for k in range(-(-n // size))]
        try:
            model(batches[0]).cpu()
            before = time.monotonic()
            for x in batches:
                model(x).cpu()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            break
        count = sum(map(len, batches))
        taken[size] = (time.monotonic() - before) / count
        is_slower = taken[size] > SLOWER * min(taken.values())
        if is_slower or size >= n > 1 or time.monotonic() - began > TRIED_SECONDS:
            break
    return min(taken, key=taken.__getitem__, default=1)


def _mixed(count: int) -> Indices:
    """Return the numbers below a count so that any few in a row are spread over all of them."""
    return np.argsort(np.arange(1, count + 1) * _GOLDEN % 1, kind="stable")


def _filled(lengths: Indices, count: int) -> float:
    batches = [lengths[start : start + count] for start in range(0, len(lengths), count)]
    whole = sum(int(batch.max()) * len(batch) for batch in batches)
    return 1 - int(lengths.sum()) / whole
