"""The loop that every training shares: number format, schedule, steps, epochs, records, figures.

What is trained is an `Objective`: where the examples come from and which heads there are is its
business.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from usable_core.asking.precision import autocast, faster_precision
from usable_core.errors import UsableError
from usable_core.evaluations.specs import Precision, Report
from usable_core.evaluations.training import Schedule

MOMENTUM = 0.9  # Sutskever et al. 2013; the usual value
GRADIENT_NORM = 5.0  # clips only runaway steps of the first epochs
SECONDS_BETWEEN_REPORTS = 0.5
TIMED = 16  # examples of the step that is timed on a processor; other devices take a whole batch


@dataclass(frozen=True)
class Loss:
    """What one step is judged by.

    Attributes:
        total: Differentiable scalar, L_pre + λ·L_fine.
        task: L_fine as a number tensor.
        correct: How many task examples were right.
        source: L_pre; None without a source.
    """

    total: Tensor
    task: Tensor
    correct: Tensor
    source: Tensor | None = None


@dataclass(frozen=True)
class Validation:
    """Mean loss (nats) and accuracy on the validation split."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        parts: Modules that are trained, each with its multiple of the learning rate.
        begin: Returns a function from indices (B,) of training examples to their loss; whatever it
            draws, it draws anew from the start.
        validate: Measures the validation split.
        examples: Number of training examples.
        device: Where the modules are.
    """

    parts: Sequence[tuple[nn.Module, float]]
    begin: Callable[[], Callable[[Tensor], Loss]]
    validate: Callable[[], Validation]
    examples: int
    device: torch.device


def number_format(objective: Objective, schedule: Schedule) -> Precision:
    """Return the schedule's number format; for `auto` the one in which a step is over sooner.

    The steps that are timed leave no trace: no weight moves, and buffers, gradients and generators
    are what they were.
    """
    if schedule.precision != "auto":
        return schedule.precision
    on_processor = objective.device.type == "cpu"
    most = min(schedule.batch_size, TIMED) if on_processor else schedule.batch_size
    indices = torch.arange(min(most, objective.examples))
    loss, modules = objective.begin(), [module for module, _ in objective.parts]

    def step() -> None:
        torch.autograd.backward(loss(indices).total)

    with _undone(modules, objective.device):
        return faster_precision(step, objective.device)


def fit(
    objective: Objective, schedule: Schedule, precision: Precision, report: Report
) -> pd.DataFrame:
    """Minimise an objective by the schedule and return one record per epoch.

    Args:
        objective: What is minimised.
        schedule: How to move.
        precision: Number format of the steps.
        report: Told steps done and the newest figures.

    Raises:
        UsableError: the loss is no longer a finite number.
    """
    groups, loss = parameter_groups(objective.parts, schedule), objective.begin()
    optimizer = _optimizer(groups, schedule)
    steps = math.ceil(objective.examples / schedule.batch_size)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, steps * schedule.epochs, schedule.warmup)
    )
    parameters = [p for group in groups for p in group["params"]]  # type: ignore[attr-defined]
    generator = torch.Generator().manual_seed(schedule.seed)
    meter = _Meter(steps * schedule.epochs, report)
    for epoch in range(1, schedule.epochs + 1):
        meter.begin_epoch()
        order = torch.randperm(objective.examples, generator=generator)
        for indices in torch.split(order, schedule.batch_size):
            if len(indices) > 1:  # batch normalisation needs two
                with autocast(objective.device, precision):
                    outcome = loss(indices)
                _step(outcome, optimizer, parameters)
                meter.add(outcome, len(indices))
            rate.step()
            meter.tick(epoch, schedule.epochs)
        meter.end_epoch(epoch, objective.validate(), float(rate.get_last_lr()[0]))
    return pd.DataFrame(meter.records)


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
    seen: set[int] = set()
    for module, multiple in parts:
        fresh = [p for p in module.parameters() if id(p) not in seen and p.requires_grad]
        seen.update(id(p) for p in fresh)
        common = {"lr": schedule.learning_rate * multiple}
        decayed = [p for p in fresh if p.ndim > 1]
        groups.append({"params": decayed, "weight_decay": schedule.weight_decay, **common})
        groups.append({"params": [p for p in fresh if p.ndim <= 1], "weight_decay": 0.0, **common})
    return [group for group in groups if group["params"]]


def _optimizer(groups: list[dict[str, object]], schedule: Schedule) -> torch.optim.Optimizer:
    if schedule.optimizer == "adamw":
        return torch.optim.AdamW(groups)
    return torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True)


def _step(outcome: Loss, optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> None:
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(outcome.total)
    norm = nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM)
    if not math.isfinite(norm):
        raise UsableError(
            "Training diverged: the gradient is not a finite number. Lower the learning rate, or "
            "use a longer warm-up."
        )
    optimizer.step()


class _Meter:
    """Sums of an epoch and of the steps since the last report; records of the finished epochs."""

    def __init__(self, total: int, report: Report) -> None:
        self.records: list[dict[str, float]] = []
        self._total, self._report, self._done = total, report, 0
        self._last_report = 0.0
        self._recent = _Recent()

    def begin_epoch(self) -> None:
        self._began = time.perf_counter()
        self._n = self._correct = 0
        self._sums = {"total": 0.0, "task": 0.0, "source": 0.0}

    def add(self, outcome: Loss, n: int) -> None:
        self._n += n
        self._correct += int(outcome.correct)
        loss = float(outcome.total.detach())
        self._recent.add(loss, int(outcome.correct), n)
        self._sums["total"] += loss * n
        self._sums["task"] += float(outcome.task.detach()) * n
        source = outcome.source
        self._sums["source"] += math.nan if source is None else float(source.detach()) * n

    def tick(self, epoch: int, epochs: int) -> None:
        self._done += 1
        if time.perf_counter() - self._last_report > SECONDS_BETWEEN_REPORTS and self._recent.n:
            self._last_report = time.perf_counter()
            share = self._done / (self._total / epochs)
            figures = self._recent.take()
            self._report(
                self._done, self._total, f"Epoch {epoch} of {epochs}", epoch=share, **figures
            )

    def end_epoch(self, epoch: int, validation: Validation, rate: float) -> None:
        record = {
            "epoch": float(epoch),
            "train_loss": self._sums["total"] / self._n,
            "train_accuracy": self._correct / self._n,
            "validation_loss": validation.loss,
            "validation_accuracy": validation.accuracy,
            "source_loss": self._sums["source"] / self._n,
            "task_loss": self._sums["task"] / self._n,
            "learning_rate": rate,
            "seconds": time.perf_counter() - self._began,
        }
        self.records.append(record)
        shown = {name: value for name, value in record.items() if math.isfinite(value)}
        for figure in ("train_loss", "train_accuracy"):  # of the whole epoch: the curve would jump
            shown.pop(figure, None)
        shown |= self._recent.take() if self._recent.n else {}
        self._report(self._done, self._total, f"Epoch {epoch} finished", **shown)


class _Recent:
    """Loss and accuracy over the steps since they were last asked for: what a live curve shows."""

    def __init__(self) -> None:
        self.n, self._loss, self._correct = 0, 0.0, 0

    def add(self, loss: float, correct: int, n: int) -> None:
        self.n += n
        self._loss += loss * n
        self._correct += correct

    def take(self) -> dict[str, float]:
        figures = {"train_loss": self._loss / self.n, "train_accuracy": self._correct / self.n}
        self.n, self._loss, self._correct = 0, 0.0, 0
        return figures
