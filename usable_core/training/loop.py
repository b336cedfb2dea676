"""How every training goes: number format, losses of the start, all steps, and what came of it.

What is trained is an `Objective`: where the examples come from and which heads there are is its
business.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from usable_core.asking.precision import faster_precision
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import Precision, Report
from usable_core.evaluations.training import Start
from usable_core.randomness import generator
from usable_core.training import processes
from usable_core.training.descent import Descent
from usable_core.training.meter import Figures, Meter
from usable_core.training.micro_batches import Memory
from usable_core.training.objective import Loss, Objective, Weights
from usable_core.training.resuming import Checkpoints
from usable_core.training.watch import Divergence

STARTING = 256  # examples over which the losses before the first step are measured
TIMED = 16  # examples of the step that is timed on a processor; other devices take a whole batch


@dataclass(frozen=True)
class Fitted:
    """How a training went.

    Attributes:
        records: One row per epoch.
        start: The losses before the first step.
        precision: Number format of the steps.
        earlier: Wall time (s) of the steps of a process that was ended, from which this went on.
        micro_batch: How many examples went through the network together, where not all of a step.
        divergence: Why it was stopped; the modules then hold the weights of the last good epoch.
    """

    records: pd.DataFrame
    start: Start
    precision: Precision
    earlier: float = 0.0
    micro_batch: int | None = None
    divergence: Divergence | None = None


def number_format(objective: Objective, schedule: Schedule, memory: Memory) -> Precision:
    """Return the schedule's number format; for `auto` the one in which a step is over sooner.

    The steps that are timed leave no trace: no weight moves, and buffers, gradients and generators
    are what they were.
    """
    if schedule.precision != "auto":
        return schedule.precision
    on_processor = objective.device.type == "cpu"
    _, size = schedule.numbers
    most = min(size, TIMED if on_processor else size, objective.examples)

    def step() -> None:
        indices = torch.arange(min(most, memory.most or most))
        for part in objective.parts_of(indices, 0, memory.most):
            torch.autograd.backward(Weights(source=1.0).total(part()))

    with undone(objective.modules, objective.device):
        return memory.held(lambda: faster_precision(step, objective.device), most)


def starting_losses(
    objective: Objective, schedule: Schedule, precision: Precision, memory: Memory
) -> Start:
    """Return the mean losses of the first batches before any step, which leaves no trace."""
    order = torch.randperm(objective.examples, generator=generator(schedule.seed, "start"))
    sums, n, size = {"task": 0.0, "source": 0.0}, 0, schedule.numbers[1]

    def losses(indices: Tensor, step: int) -> Callable[[], list[tuple[float, float]]]:
        return lambda: [_values(loss) for loss in memory.losses(indices, step, precision)]

    with undone(objective.modules, objective.device):
        for step, indices in enumerate(torch.split(order[:STARTING], size)):
            if len(indices) < 2:
                continue
            for task, source in memory.held(losses(indices, step), len(indices)):
                sums["task"] += task * len(indices)
                sums["source"] += source * len(indices)
            n += len(indices)
    return Start(sums["task"] / n, sums["source"] / n)


def _values(loss: Loss) -> tuple[float, float]:
    source = math.nan if loss.source is None else float(loss.source.detach())
    return float(loss.task.detach()), source


def fit(
    objective: Objective,
    schedule: Schedule,
    report: Report,
    checkpoints: Checkpoints,
    start: Start | None = None,
) -> Fitted:
    """Minimise an objective by the schedule, until its last epoch or until it diverges.

    A training that was ended goes on from its newest checkpoint; on a processor its last weights
    are, to the bit, those of one that never was.

    Args:
        objective: What is minimised.
        schedule: How to move; its learning rate is a number.
        report: Told steps done and the newest figures.
        checkpoints: What it goes on from, and leaves for who goes on.
        start: The losses before the first step; measured now where there are none of earlier.
    """
    kept = checkpoints.newest(objective.device)
    memory = Memory(objective, kept["micro_batch"] if kept else schedule.together)
    precision = kept["precision"] if kept else number_format(objective, schedule, memory)
    precision = processes.of_first(precision)  # others' clocks may say otherwise
    start = Start(*kept["start"]) if kept else start
    start = start or processes.of_first(starting_losses(objective, schedule, precision, memory))
    descent = Descent(objective, schedule, start, precision, report, memory)
    if kept:
        descent.load_state_dict(kept)
    stopped, records = None, descent.meter.records
    try:
        descent.run(checkpoints)
    except Divergence as divergence:
        stopped, records = divergence, records[: descent.put_back()]
    found = pd.DataFrame(records)
    return Fitted(found, start, precision, descent.earlier, memory.most, stopped)


def unmoved(objective: Objective, schedule: Schedule, report: Report) -> Fitted:
    """Return what `fit` would, of a training that moves nothing: one record, of epoch 0."""
    memory = Memory(objective, schedule.together)
    start = starting_losses(objective, schedule, "float32", memory)
    meter = Meter(1, report)
    meter.begin_epoch()
    meter.add(Figures(start.task, start.task, start.source, 0), 1)
    meter.end_epoch(0, objective.validate(), 0.0)
    meter.tell_epoch()
    return Fitted(pd.DataFrame(meter.records).assign(train_accuracy=math.nan), start, "float32")


@contextmanager
def undone(modules: Sequence[nn.Module], device: torch.device) -> Iterator[None]:
    """Put buffers, gradients and generators back to what they were before."""
    buffers = [buffer for module in modules for buffer in module.buffers()]
    before = [buffer.clone() for buffer in buffers]
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)
        for module in modules:
            module.zero_grad(set_to_none=True)
