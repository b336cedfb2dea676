"""Steps in parts: examples that go through the network together, when all of a step are too many.

The gradient of a step is the sum of its parts', each with its share of the examples, so it is that
of the whole step but for rounding; batch normalisation alone sees the examples of a part.
"""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from usable_core.asking.batch_size import is_out_of_memory
from usable_core.asking.precision import autocast
from usable_core.errors import UsableError
from usable_core.evaluations.schedule import LEAST_MICRO_BATCH
from usable_core.evaluations.specs import Precision
from usable_core.training.objective import Loss, Objective

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
MicroLosses = Callable[[Tensor, int, int], Iterator[Loss]]
# A step's number, and how many source examples go through together, to parts that add up to L_pre.
SourceParts = Callable[[int, int], Iterator[Tensor]]


def whole(read: Read, judge: Judge) -> Callable[[Tensor, int], Loss]:
    """Return the loss of all examples of a step at once."""
    return lambda indices, step: judge(read(indices, step), step)


def in_parts(read: Read, judge: Judge) -> MicroLosses:
    """Return the losses of a step's parts, which add up to that of the whole.

    Args:
        read: Reads a step's examples, all at once: what is drawn or mixed is as in one part.
        judge: Returns the mean losses of some of them.
    """

    def losses(indices: Tensor, step: int, most: int) -> Iterator[Loss]:
        batch = read(indices, step)
        for part in batch.parts(most):
            yield judge(part, step).of_share(len(part.y) / len(batch.y))

    return losses


def one_after_another(task: MicroLosses, source: SourceParts) -> MicroLosses:
    """Return the losses of a step's parts, those of the task before those of the source.

    Args:
        task: Losses of the parts of L_fine.
        source: The parts of L_pre.
    """

    def losses(indices: Tensor, step: int, most: int) -> Iterator[Loss]:
        for loss in task(indices, step, most):
            nothing = torch.zeros_like(loss.task, requires_grad=True)
            yield replace(loss, source=nothing)
        for part in source(step, most):
            nothing = torch.zeros_like(part, requires_grad=True)
            yield Loss(nothing, nothing, part)

    return losses


class Memory:
    """How many examples go through a network together: as asked, or as many as memory holds.

    Attributes:
        most: Examples of a part; None where a step is taken at once.
    """

    def __init__(self, objective: Objective, most: int | None) -> None:
        """Take what is minimised, and how many examples of it if that was asked for."""
        self._objective, self.most = objective, most
        self._buffers = [b for module in objective.modules for b in module.buffers()]

    def held(self, act: Callable[[], T], examples: int) -> T:
        """Return what an act on at most so many examples returns; done again by smaller parts.

        Buffers are then what they were before it; what else it changes it begins by undoing.

        Raises:
            UsableError: memory does not hold the smallest part.
        """
        while True:
            before = [buffer.clone() for buffer in self._buffers]
            try:
                return act()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            for buffer, value in zip(self._buffers, before, strict=True):
                buffer.copy_(value)
            self._halve(examples)

    def losses(self, indices: Tensor, step: int, precision: Precision) -> Iterator[Loss]:
        """Yield the losses of a step's parts, which add up to that of the whole."""
        losses = self._objective.losses(indices, step, self.most)
        while True:
            with autocast(self._objective.device, precision):
                loss = next(losses, None)
            if loss is None:
                return
            yield loss

    def _halve(self, examples: int) -> None:
        most = min(self.most or examples, examples)
        if most // 2 < LEAST_MICRO_BATCH or self._objective.micro_losses is None:
            raise UsableError(
                f"The device's memory does not hold {most} examples in training. Choose a smaller "
                "batch size (--batch-size), smaller pictures or a smaller network."
            )
        self.most = most // 2
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
