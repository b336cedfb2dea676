"""`Descent`: the steps of one training, which can stop after any of them and go on from there."""

import math
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from usable_core.asking.precision import autocast
from usable_core.errors import OutputsRefused, StorageError
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import Precision, Report
from usable_core.evaluations.training import Start
from usable_core.randomness import seed_drawing, seed_of
from usable_core.training.meter import Figures, Meter, Validation
from usable_core.training.objective import Loss, Objective
from usable_core.training.rates import learning_rate_factor
from usable_core.training.resuming import Checkpoints, undisturbed
from usable_core.training.watch import Divergence, Watch


class Descent:
    """The steps of one training.

    All chance comes from the seed and the number of the step, so what `state_dict` returns is all
    that a process needs in order to go on, to the bit where a device rounds alike.

    Attributes:
        meter: Its figures.
        step: How many steps are over.
        earlier: Wall time (s) of those that another process took, which was ended.
    """

    def __init__(
        self,
        objective: Objective,
        schedule: Schedule,
        start: Start,
        precision: Precision,
        report: Report,
    ) -> None:
        """Prepare.

        Args:
            objective: What is minimised.
            schedule: How; its learning rate is a number.
            start: The losses before the first step.
            precision: Number format of the steps.
            report: Told steps done and the newest figures; may raise `Cancelled`.
        """
        self._objective, self._schedule = objective, schedule
        self._start, self._precision = start, precision
        self._weights = objective.weigh(start)
        self._per_epoch = objective.steps(schedule)
        self._epochs, _ = schedule.numbers
        self._steps = self._per_epoch * self._epochs
        self._watch = Watch(objective.modules, schedule, objective.classes, self._steps)
        # Weight decay is of L_fine: at the start, where L_pre is least, it must move no weight.
        decay = (schedule.weight_decay or 0.0) * self._weights.task
        groups = parameter_groups(objective.parts, replace(schedule, weight_decay=decay))
        self._optimizer = optimizer_of(groups, schedule)
        self._peaks = [group["lr"] for group in self._optimizer.param_groups]
        self._began, self._is_whole = time.perf_counter(), True
        self.meter, self.step, self.earlier = Meter(self._steps, report), 0, 0.0

    def run(self, checkpoints: Checkpoints) -> None:
        """Take all steps of all epochs that are left.

        Raises:
            Divergence: as `Watch` says.
            StorageError: a checkpoint cannot be written.
        """
        if not self.step:
            self._watch.check_start(self._weights.figures(self._start))
        checkpoints.begin(self.step, self._steps, self._objective.modules)
        try:
            for epoch in range(len(self.meter.records) + 1, self._epochs + 1):
                self._run_epoch(epoch, checkpoints)
        except Divergence:
            raise
        except BaseException:  # cancelled, or ended from outside
            if self._is_whole and self.step:
                with suppress(StorageError):
                    checkpoints.write(self.step, self.state_dict())
            raise

    def put_back(self) -> int:
        """Put the last good weights back and return of which epoch they are; 0 is none."""
        self._watch.put_back()
        return self._watch.good_epochs

    def state_dict(self) -> dict[str, Any]:
        """Return what a process needs that goes on: tensors, numbers and words."""
        return {
            "modules": [module.state_dict() for module in self._objective.modules],
            "optimizer": self._optimizer.state_dict(),
            "meter": self.meter.state_dict(),
            "watch": self._watch.state_dict(),
            "step": self.step,
            "precision": self._precision,
            "start": [self._start.task, self._start.source],
            "seconds": self.earlier + time.perf_counter() - self._began,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be where a state was taken."""
        for module, values in zip(self._objective.modules, state["modules"], strict=True):
            module.load_state_dict(values)
        self._optimizer.load_state_dict(state["optimizer"])
        self.meter.load_state_dict(state["meter"])
        self._watch.load_state_dict(state["watch"])
        self.step, self.earlier = state["step"], state["seconds"]

    def _run_epoch(self, epoch: int, checkpoints: Checkpoints) -> None:
        done = self.step - (epoch - 1) * self._per_epoch
        if not done:
            self.meter.begin_epoch()
        for indices in self._objective.batches_from(self._schedule, epoch, done):
            with undisturbed():
                self._is_whole = False
                self._take_step(indices)
                self.step += 1
                self._is_whole = True
            self.meter.tick(epoch, self._epochs, self._peaks[0] * self._rate())
            if checkpoints.is_due(self.step):
                checkpoints.write(self.step, self.state_dict())
        validation = self._validated()
        self.meter.end_epoch(epoch, validation, self._peaks[0] * self._rate())
        training, is_last = self.meter.records[-1]["train_loss"], epoch == self._epochs
        try:
            self._watch.end_epoch(epoch, validation.loss, training, is_last=is_last)
        finally:
            self.meter.tell_epoch()

    def _rate(self) -> float:
        return learning_rate_factor(self._schedule, self.step, self._steps)

    def _take_step(self, indices: Tensor) -> None:
        if len(indices) < 2:  # batch normalisation needs two
            return
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * self._rate()
        seed_drawing(self._objective.device, seed_of(self._schedule.seed, "step", self.step))
        with autocast(self._objective.device, self._precision):
            outcome = self._objective.loss(indices, self.step)
        self.meter.add(self._moved(outcome), len(indices))

    def _moved(self, outcome: Loss) -> Figures:
        """Move the weights and return the figures of the step."""
        optimizer, total = self._optimizer, self._weights.total(outcome)
        source = None if outcome.source is None else float(outcome.source.detach())
        figures = Figures(
            float(total.detach()), float(outcome.task.detach()), source, float(outcome.correct)
        )
        self._watch.check_losses(figures, float(optimizer.param_groups[0]["lr"]))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        longest = self._schedule.clip or math.inf
        self._watch.check_gradient(float(nn.utils.clip_grad_norm_(parameters, longest)))
        optimizer.step()
        return figures

    def _validated(self) -> Validation:
        try:
            return self._objective.validate()
        except OutputsRefused:  # an answer that is not finite
            return Validation(math.nan, math.nan)


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


def optimizer_of(groups: list[dict[str, object]], schedule: Schedule) -> torch.optim.Optimizer:
    """Return the schedule's optimizer of groups, see `parameter_groups`."""
    if schedule.optimizer == "adamw":
        return torch.optim.AdamW(groups)
    is_nesterov = schedule.momentum_form == "nesterov"
    return torch.optim.SGD(groups, momentum=schedule.momentum, nesterov=is_nesterov)
