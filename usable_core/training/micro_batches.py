"""Steps in parts: examples that go through the network together, when all of a step are too many.

The gradient of a step is the sum of its parts', each with its share of the examples, so it is that
of the whole step but for rounding; batch normalisation alone sees the examples of a part. Its
statistics move once a step, by the parts' mean: who else shares the step finds the same.
"""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from usable_core.asking.batch_size import is_out_of_memory
from usable_core.asking.precision import autocast
from usable_core.errors import UsableError
from usable_core.evaluations.schedule import LEAST_MICRO_BATCH
from usable_core.evaluations.specs import Precision
from usable_core.randomness import seed_drawing, seed_of
from usable_core.training import processes
from usable_core.training.objective import Loss, Objective, Part
from usable_core.training.statistics import Statistics

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """The examples of a step, read and changed as the training does.

    Attributes:
        x: As a network takes them (N, …).
        target: Classes (N,), or shares of them (N, classes).
        y: The classes that they are of (N,).
    """

    x: Tensor
    target: Tensor
    y: Tensor

    def parts(self, most: int) -> "Iterator[Batch]":
        """Yield as few parts as have at most so many examples, of like size."""
        count = -(-len(self.y) // most)
        tensors = (tensor.tensor_split(count) for tensor in (self.x, self.target, self.y))
        for x, target, y in zip(*tensors, strict=True):
            yield Batch(x, target, y)


Read = Callable[[Tensor, int], Batch]
Judge = Callable[[Batch, int], Loss]
MicroBatches = Callable[[Tensor, int, int], Iterator[Part]]
# A step's number, and how many source examples go through together, to parts of L_pre, each a mean
# that is computed when it is called, with its share.
SourceParts = Callable[[int, int], Iterator[tuple[float, Callable[[], Tensor]]]]


def whole(read: Read, judge: Judge) -> Callable[[Tensor, int], Loss]:
    """Return the loss of all examples of a step at once."""
    return lambda indices, step: judge(read(indices, step), step)


def in_parts(read: Read, judge: Judge) -> MicroBatches:
    """Return the parts of a step, whose losses add up to that of the whole.

    Args:
        read: Reads a step's examples, all at once: what is drawn or mixed is as in one part.
        judge: Returns the mean losses of some of them.
    """

    def parts(indices: Tensor, step: int, most: int) -> Iterator[Part]:
        batch = read(indices, step)
        for part in batch.parts(most):
            yield partial(_judged, judge, part, step, len(part.y) / len(batch.y))

    return parts


def _judged(judge: Judge, part: Batch, step: int, share: float) -> Loss:
    return judge(part, step).of_share(share)


def one_after_another(task: MicroBatches, source: SourceParts) -> MicroBatches:
    """Return the parts of a step, those of the task before those of the source.

    Args:
        task: The parts of L_fine.
        source: The parts of L_pre.
    """

    def parts(indices: Tensor, step: int, most: int) -> Iterator[Part]:
        for part in task(indices, step, most):
            yield partial(_without_source, part)
        for share, kept in source(step, most):
            yield partial(_source_alone, kept, share)

    return parts


def _without_source(part: Part) -> Loss:
    loss = part()
    return replace(loss, source=torch.zeros_like(loss.task, requires_grad=True))


def _source_alone(kept: Callable[[], Tensor], share: float) -> Loss:
    source = kept()
    nothing = torch.zeros_like(source, requires_grad=True)
    return Loss(nothing, nothing, source).of_share(share)


class Memory:
    """How many examples go through a network together: as asked, or as many as memory holds.

    Attributes:
        most: Examples of a part; None where a step is taken at once.
    """

    def __init__(self, objective: Objective, most: int | None) -> None:
        """Take what is minimised, and how many examples of it if that was asked for."""
        self._objective, self.most = objective, most
        self.statistics = Statistics(objective.modules)

    def held(self, act: Callable[[], T], examples: int) -> T:
        """Return what an act on at most so many examples returns; done again by smaller parts.

        Buffers are then what they were before it; what else it changes it begins by undoing. The
        memory of one process may be short: all that share a step do it again.

        Raises:
            UsableError: memory does not hold the smallest part.
        """
        while True:
            self.statistics.begin()
            found, is_short = [], False
            try:
                found.append(act())
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                is_short = True
            if not processes.is_any(is_short, self._objective.device):
                return found[0]
            self.statistics.put_back()
            self._halve(examples)

    def losses(self, indices: Tensor, step: int, precision: Precision) -> Iterator[Loss]:
        """Yield the losses of a step's parts, which add up to that of the whole."""
        for part in self._parts(indices, step, precision):
            yield part()

    def own_losses(
        self, indices: Tensor, step: int, precision: Precision, seed: int
    ) -> Iterator[Loss]:
        """Yield the losses of those parts of a step that this process takes.

        What a part draws, it draws by the seed, the step and its place, so it does not matter who
        takes it. `statistics` are counted.
        """
        device = self._objective.device
        seed_drawing(device, seed_of(seed, "step", step))
        for place, part in enumerate(self._parts(indices, step, precision)):
            if place % processes.count() != processes.rank():
                continue
            if place:
                seed_drawing(device, seed_of(seed, "step", step, place))
            loss = part()
            yield loss
            if self.most is not None or processes.count() > 1:
                self.statistics.take(loss.share)

    def _parts(self, indices: Tensor, step: int, precision: Precision) -> Iterator[Part]:
        parts = self._objective.parts_of(indices, step, self.most)
        while True:
            with autocast(self._objective.device, precision):
                part = next(parts, None)
            if part is None:
                return
            yield partial(_cast, part, self._objective.device, precision)

    def _halve(self, examples: int) -> None:
        most = min(self.most or examples, examples)
        if most // 2 < LEAST_MICRO_BATCH or self._objective.micro_batches is None:
            raise UsableError(
                f"The device's memory does not hold {most} examples in training. Choose a smaller "
                "batch size (--batch-size), smaller pictures or a smaller network."
            )
        self.most = most // 2
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _cast(part: Part, device: torch.device, precision: Precision) -> Loss:
    with autocast(device, precision):
        return part()
