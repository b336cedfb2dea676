"""The loop that every training shares: number format, schedule, steps, epochs, records, figures.

What is trained is an `Objective`: where the examples come from and which heads there are is its
business.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import Tensor, nn

from usable_core.asking.precision import autocast, faster_precision
from usable_core.errors import OutputsRefused
from usable_core.evaluations.specs import Precision, Report
from usable_core.evaluations.training import Schedule, Start
from usable_core.training.batches import batches
from usable_core.training.meter import Figures, Meter, Validation
from usable_core.training.watch import Divergence, Watch

MOMENTUM = 0.9  # Sutskever et al. 2013; the usual value
GRADIENT_NORM = 5.0  # clips only runaway steps of the first epochs
STARTING = 256  # examples over which the losses before the first step are measured
TIMED = 16  # examples of the step that is timed on a processor; other devices take a whole batch


@dataclass(frozen=True)
class Loss:
    """What one step is judged by.

    Attributes:
        task: L_fine, a differentiable scalar.
        correct: How many task examples were right; of texts whose pieces are guessed, the share
            of right guesses times the examples.
        source: L_pre, a differentiable scalar; None without one.
    """

    task: Tensor
    correct: Tensor
    source: Tensor | None = None


@dataclass(frozen=True)
class Weights:
    """What the losses are multiplied by: task·L_fine + source·L_pre is minimised."""

    task: float = 1.0
    source: float = 0.0

    def total(self, loss: Loss) -> Tensor:
        """Return what is minimised, a differentiable scalar."""
        if loss.source is None or self.source == 0:
            return loss.task
        return self.source * loss.source + self.task * loss.task

    def figures(self, start: Start) -> Figures:
        """Return the losses before the first step as those of a step."""
        if math.isnan(start.source) and self.source == 0:
            return Figures(start.task, start.task, None, 0)
        total = self.source * start.source + self.task * start.task
        return Figures(total, start.task, start.source, 0)


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        parts: Modules that are trained, each with its multiple of the learning rate.
        begin: Returns a function from indices (B,) of training examples to their loss; whatever it
            draws, it draws anew from the start.
        validate: Measures the validation split.
        examples: Number of training examples.
        classes: Number of the task's classes.
        device: Where the modules are.
        weigh: How the losses are weighed, once it is known what they start from.
        lengths: How long each training example is (N,), so that those of like length are in one
            batch; None where all are of one size.
    """

    parts: Sequence[tuple[nn.Module, float]]
    begin: Callable[[], Callable[[Tensor], Loss]]
    validate: Callable[[], Validation]
    examples: int
    classes: int
    device: torch.device
    weigh: Callable[[Start], Weights] = lambda start: Weights()
    lengths: Tensor | None = None


@dataclass(frozen=True)
class Fitted:
    """How a training went.

    Attributes:
        records: One row per epoch.
        start: The losses before the first step.
        precision: Number format of the steps.
        divergence: Why it was stopped; the modules then hold the weights of the last good epoch.
    """

    records: pd.DataFrame
    start: Start
    precision: Precision
    divergence: Divergence | None = None


def number_format(objective: Objective, schedule: Schedule) -> Precision:
    """Return the schedule's number format; for `auto` the one in which a step is over sooner.

    The steps that are timed leave no trace: no weight moves, and buffers, gradients and generators
    are what they were.
    """
    if schedule.precision != "auto":
        return schedule.precision
    on_processor = objective.device.type == "cpu"
    _, size = schedule.numbers
    most = min(size, TIMED) if on_processor else size
    indices = torch.arange(min(most, objective.examples))
    loss, modules = objective.begin(), [module for module, _ in objective.parts]

    def step() -> None:
        torch.autograd.backward(Weights(source=1.0).total(loss(indices)))

    with _undone(modules, objective.device):
        return faster_precision(step, objective.device)


def starting_losses(objective: Objective, schedule: Schedule, precision: Precision) -> Start:
    """Return the mean losses of the first batches before any step, which leaves no trace."""
    loss, modules = objective.begin(), [module for module, _ in objective.parts]
    order = torch.randperm(objective.examples, generator=_generator(schedule))
    size = max(2, schedule.numbers[1])
    sums, n = {"task": 0.0, "source": 0.0}, 0
    with _undone(modules, objective.device), autocast(objective.device, precision):
        for indices in torch.split(order[:STARTING], size):
            if len(indices) < 2:
                continue
            outcome, count = loss(indices), len(indices)
            source = math.nan if outcome.source is None else float(outcome.source.detach())
            sums["task"] += float(outcome.task.detach()) * count
            sums["source"] += source * count
            n += count
    return Start(sums["task"] / n, sums["source"] / n)


def fit(objective: Objective, schedule: Schedule, report: Report) -> Fitted:
    """Minimise an objective by the schedule, until its last epoch or until it diverges.

    Args:
        objective: What is minimised.
        schedule: How to move; its learning rate is a number.
        report: Told steps done and the newest figures.
    """
    epochs, size = schedule.numbers
    steps = math.ceil(objective.examples / size) * epochs
    precision = number_format(objective, schedule)
    start = starting_losses(objective, schedule, precision)
    watch = Watch([module for module, _ in objective.parts], schedule, objective.classes, steps)
    meter = Meter(steps, report)
    try:
        weights = objective.weigh(start)
        watch.check_start(weights.figures(start))
        _Descent(objective, schedule, weights, precision, watch).run(meter)
    except Divergence as divergence:
        watch.put_back()
        good = meter.records[: watch.good_epochs]
        return Fitted(pd.DataFrame(good), start, precision, divergence)
    return Fitted(pd.DataFrame(meter.records), start, precision)


def unmoved(objective: Objective, schedule: Schedule, report: Report) -> Fitted:
    """Return what `fit` would, of a training that moves nothing: one record, of epoch 0."""
    start = starting_losses(objective, schedule, "float32")
    meter = Meter(1, report)
    meter.begin_epoch()
    meter.add(Figures(start.task, start.task, start.source, 0), 1)
    meter.end_epoch(0, objective.validate(), 0.0)
    return Fitted(pd.DataFrame(meter.records).assign(train_accuracy=math.nan), start, "float32")


@dataclass(frozen=True)
class _Descent:
    """The steps of one training."""

    objective: Objective
    schedule: Schedule
    weights: Weights
    precision: Precision
    watch: Watch

    def run(self, meter: Meter) -> None:
        """Take all steps of all epochs.

        Raises:
            Divergence: as `Watch` says.
        """
        objective, (epochs, size) = self.objective, self.schedule.numbers
        # Weight decay is of L_fine: at the start, where L_pre is least, it must move no weight.
        decay = self.schedule.weight_decay or 0.0
        share = replace(self.schedule, weight_decay=decay * self.weights.task)
        groups, loss = parameter_groups(objective.parts, share), objective.begin()
        optimizer = _optimizer(groups, self.schedule)
        steps = math.ceil(objective.examples / size)
        rate = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: learning_rate_factor(step, steps * epochs, self.schedule.warmup),
        )
        generator = _generator(self.schedule)
        for epoch in range(1, epochs + 1):
            meter.begin_epoch()
            for indices in batches(objective.examples, objective.lengths, size, generator):
                if len(indices) > 1:  # batch normalisation needs two
                    with autocast(objective.device, self.precision):
                        outcome = loss(indices)
                    meter.add(self._step(outcome, optimizer), len(indices))
                rate.step()
                meter.tick(epoch, epochs)
            validation = self._validated()
            meter.end_epoch(epoch, validation, float(rate.get_last_lr()[0]))
            train_loss, is_last = meter.records[-1]["train_loss"], epoch == epochs
            self.watch.end_epoch(epoch, validation.loss, train_loss, is_last=is_last)

    def _step(self, outcome: Loss, optimizer: torch.optim.Optimizer) -> Figures:
        total = self.weights.total(outcome)
        source = None if outcome.source is None else float(outcome.source.detach())
        figures = Figures(
            float(total.detach()), float(outcome.task.detach()), source, float(outcome.correct)
        )
        self.watch.check_losses(figures, float(optimizer.param_groups[0]["lr"]))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.watch.check_gradient(float(nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM)))
        optimizer.step()
        return figures

    def _validated(self) -> Validation:
        try:
            validation = self.objective.validate()
        except OutputsRefused:  # an answer that is not finite
            validation = Validation(math.nan, math.nan)
        return validation


def _generator(schedule: Schedule) -> torch.Generator:
    """Return what draws the order of the examples."""
    return torch.Generator().manual_seed(schedule.seed)


@contextmanager
def _undone(modules: Sequence[nn.Module], device: torch.device) -> Iterator[None]:
    """Put buffers, gradients and generators back to what they were before."""
    buffers = [buffer for module in modules for buffer in module.buffers()]
    before = [buffer.clone() for buffer in buffers]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield
    for buffer, value in zip(buffers, before, strict=True):
        buffer.copy_(value)
    for module in modules:
        module.zero_grad(set_to_none=True)


def learning_rate_factor(step: int, total: int, warmup: float) -> float:
    """Return the share of the peak rate: linear rise, then a cosine to zero (Loshchilov 2017)."""
    rise = max(1, round(total * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, total - rise))))


def parameter_groups(
    parts: Iterable[tuple[nn.Module, float]], schedule: Schedule
) -> list[dict[str, object]]:
    """Return optimizer groups of modules, each with its multiple of the learning rate.

    Weight decay is left off biases, norms and other vectors.
    """
    groups: list[dict[str, object]] = []
    peak, decay = schedule.learning_rate or 0.0, schedule.weight_decay or 0.0
    seen: set[int] = set()
    for module, multiple in parts:
        fresh = [p for p in module.parameters() if id(p) not in seen and p.requires_grad]
        seen.update(id(p) for p in fresh)
        common = {"lr": peak * multiple}
        decayed = [p for p in fresh if p.ndim > 1]
        groups.append({"params": decayed, "weight_decay": decay, **common})
        groups.append({"params": [p for p in fresh if p.ndim <= 1], "weight_decay": 0.0, **common})
    return [group for group in groups if group["params"]]


def _optimizer(groups: list[dict[str, object]], schedule: Schedule) -> torch.optim.Optimizer:
    if schedule.optimizer == "adamw":
        return torch.optim.AdamW(groups)
    return torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True)
