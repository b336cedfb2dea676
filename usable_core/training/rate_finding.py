"""Learning-rate range test: steps at rising rates, until the loss runs away.

Reference: Smith 2017, arXiv:1506.01186, section 3.3.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from usable_core.datasets.dataset import Dataset
from usable_core.errors import ConfigError, UsableError
from usable_core.evaluations.rate import KEPT, RateConfig, RateResult
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import Provenance, Report
from usable_core.measuring.provenance import before_training
from usable_core.metrics.arrays import Floats
from usable_core.models.model import Model
from usable_core.randomness import seed_drawing, seed_of
from usable_core.training.descent import optimizer_of, parameter_groups
from usable_core.training.fine_tuning import Tuning, prepared
from usable_core.training.loop import number_format, starting_losses, undone
from usable_core.training.micro_batches import Memory
from usable_core.training.objective import Objective
from usable_core.training.probing import of_probe, prepared_probe, probe
from usable_core.training.resuming import Checkpoints

AWAY = 4.0  # times the least smoothed loss: Howard & Gugger 2020, fastai


def find_rate(
    *,
    model: Model,
    dataset: Dataset,
    config: RateConfig,
    report: Report,
    folder: Path | None = None,
    source: Dataset | None = None,
) -> RateResult:
    """Return how the loss of a fine-tuning goes while its learning rate rises.

    Args:
        model: Where θ starts; unchanged.
        dataset: The whole task; its training split is used.
        config: The training, and between which rates.
        report: Told the steps done; raises `Cancelled`.
        folder: Not used: everything is in the records.
        source: The whole data set of L_pre.

    Raises:
        ConfigError: nothing is moved, or the loss is no finite number before any step.
        UsableError: as `fine_tune`.
    """
    began = time.perf_counter()
    tuning = prepared(model, dataset, config, source, report)
    if tuning.is_unmoved:
        raise ConfigError(
            f"λ must be above 0.001 for a learning rate to be found, but is {config.task_weight:g}:"
            " up to there no weight is moved. Change --lambda."
        )
    objective, schedule = _objective(tuning, report)
    records = range_test(objective, schedule, config.rates, report)
    return RateResult(
        config,
        _source(model, tuning, time.perf_counter() - began),
        records,
        usual=float(schedule.learning_rate or math.nan),
        optimizer=str(schedule.optimizer),
        ran_away=len(records) < config.steps,
    )


def range_test(
    objective: Objective, schedule: Schedule, rates: Floats, report: Report
) -> pd.DataFrame:
    """Return rate, loss and smoothed loss of each step, see `evaluations.rate`.

    It stops where the loss is no finite number, or the smoothed one is above its start and `AWAY`
    times its least. Weights, buffers and generators are put back to what they were.

    Args:
        objective: What is minimised.
        schedule: Batches, optimizer, clipping and seed.
        rates: Of the steps (N,), rising.
        report: Told the steps done.

    Raises:
        ConfigError: the loss is no finite number before any step.
    """
    rows: list[tuple[int, float, float, float]] = []
    mean, least = 0.0, math.inf
    parameters = [p for module in objective.modules for p in module.parameters()]
    with _put_back(parameters), undone(objective.modules, objective.device):
        for step, (rate, loss) in enumerate(_losses(objective, schedule, rates), start=1):
            if not math.isfinite(loss):
                break
            mean = KEPT * mean + (1 - KEPT) * loss
            smoothed = mean / (1 - KEPT**step)
            rows.append((step, rate, loss, smoothed))
            report(step, len(rates), "Raising the learning rate", loss=loss)
            least = min(least, smoothed)
            if smoothed > max(AWAY * least, rows[0][2]):
                break
    if not rows:
        raise ConfigError(
            "The loss is no finite number before any step, which no learning rate mends. Choose "
            "another model or other weights."
        )
    return pd.DataFrame(rows, columns=["step", "rate", "loss", "smoothed"])


def _losses(
    objective: Objective, schedule: Schedule, rates: Floats
) -> Iterator[tuple[float, float]]:
    """Yield each rate with the loss before its step, and then take that step as a training does."""
    memory = Memory(objective, schedule.together)
    precision = number_format(objective, schedule, memory)
    weights = objective.weigh(starting_losses(objective, schedule, precision, memory))
    decay = (schedule.weight_decay or 0.0) * weights.task  # as in `Descent`
    unit = replace(schedule, learning_rate=1.0, weight_decay=decay)
    optimizer = optimizer_of(parameter_groups(objective.parts, unit, objective.multiples), unit)
    multiples = [group["lr"] for group in optimizer.param_groups]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    steps = zip(rates.tolist(), _batches(objective, schedule), strict=False)
    for step, (rate, indices) in enumerate(steps):
        seed_drawing(objective.device, seed_of(schedule.seed, "step", step))
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for loss in memory.losses(indices, step, precision):
            part = weights.total(loss)
            torch.autograd.backward(part)
            total += float(part.detach())
        yield rate, total
        nn.utils.clip_grad_norm_(parameters, schedule.clip or math.inf)
        for group, multiple in zip(optimizer.param_groups, multiples, strict=True):
            group["lr"] = rate * multiple
        optimizer.step()


def _objective(tuning: Tuning, report: Report) -> tuple[Objective, Schedule]:
    """Return what a training minimises, and by which schedule."""
    schedule = tuning.config.schedule
    if tuning.config.method == "probe_then_full":
        _probe_first(tuning, report)
    if tuning.config.method != "linear_probe":
        return tuning.objective(), schedule
    probing = prepared_probe(tuning.trainee, tuning.task, tuning.held_out, schedule, report)
    return probing.objective, replace(schedule, precision="float32")


def _probe_first(tuning: Tuning, report: Report) -> None:
    """Give the network the head of a probe, as the training does: its rate is another."""
    trainee, task = tuning.trainee, tuning.task
    settings = of_probe(tuning.config.schedule, trainee.network, trainee.kind, examples=len(task))
    none = Checkpoints(None, "")
    fitted = probe(trainee, task, tuning.held_out, settings, report, none)
    if fitted.divergence is not None:
        raise UsableError(f"The probe that comes first failed. {fitted.divergence}")


def _batches(objective: Objective, schedule: Schedule) -> Iterator[Tensor]:
    """Yield the batches of one epoch after the other, but for those of one example."""
    for epoch in count(1):
        yield from (one for one in objective.batches(schedule, epoch) if len(one) > 1)


@contextmanager
def _put_back(parameters: Sequence[Tensor]) -> Iterator[None]:
    """Give parameters the values that they had before."""
    before = [parameter.detach().clone() for parameter in parameters]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, before, strict=True):
                parameter.copy_(value)


def _source(model: Model, tuning: Tuning, seconds: float) -> Provenance:
    train, size = tuning.train, tuning.config.schedule.numbers[1]
    found = before_training(model, train, seconds=seconds, batch_size=size, warnings=train.notes)
    return replace(found, device=str(tuning.trainee.device))
