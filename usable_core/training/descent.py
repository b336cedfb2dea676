"""`Descent`: the steps of one training, which can stop after any of them and go on from there."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from usable_core.errors import OutputsRefused, StorageError
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import Precision, Report
from usable_core.evaluations.training import Start
from usable_core.training import processes
from usable_core.training.averaging import weights_that_count
from usable_core.training.meter import NUMBERS, Figures, Meter, Validation
from usable_core.training.micro_batches import Memory
from usable_core.training.objective import Objective
from usable_core.training.rates import learning_rate_factor
from usable_core.training.resuming import Checkpoints, undisturbed
from usable_core.training.stopping import epoch_to_keep
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
        memory: Memory,
    ) -> None:
        """Prepare.

        Args:
            objective: What is minimised.
            schedule: How; its learning rate is a number.
            start: The losses before the first step.
            precision: Number format of the steps.
            report: Told steps done and the newest figures; may raise `Cancelled`.
            memory: How many examples go through together.
        """
        self._objective, self._schedule = objective, schedule
        self._start, self._precision, self._memory = start, precision, memory
        self._weights = objective.weigh(start)
        self._per_epoch = objective.steps(schedule)
        self._epochs, _ = schedule.numbers
        self._steps = self._per_epoch * self._epochs
        self._watch = Watch(objective.modules, schedule, objective.classes, self._steps)
        # Weight decay is of L_fine: at the start, where L_pre is least, it must move no weight.
        decay = (schedule.weight_decay or 0.0) * self._weights.task
        decayed = replace(schedule, weight_decay=decay)
        groups = parameter_groups(objective.parts, decayed, objective.multiples)
        self._optimizer = optimizer_of(groups, schedule)
        self._average = weights_that_count(objective.modules, schedule, self._steps)
        self._optimizer.register_step_post_hook(lambda *_: self._average.update())
        self._epoch = epoch_to_keep(objective.modules, schedule)
        self._peaks = [group["lr"] for group in self._optimizer.param_groups]
        self._parameters = [p for g in self._optimizer.param_groups for p in g["params"]]
        self._began, self._is_whole = time.perf_counter(), True
        self.meter, self.step, self.earlier = Meter(self._steps, report), 0, 0.0

    def run(self, checkpoints: Checkpoints) -> None:
        """Take all steps of all epochs that are left, and put the weights that are kept in place.

        Raises:
            Divergence: as `Watch` says.
            StorageError: a checkpoint cannot be written.
        """
        if not self.step:
            self._watch.check_start(self._weights.figures(self._start))
        checkpoints.begin(self.step, self._steps, self._objective.modules)
        try:
            for epoch in range(len(self.meter.records) + 1, self._epochs + 1):
                if not self._epoch.is_over:
                    self._run_epoch(epoch, checkpoints)
        except Divergence:
            raise
        except BaseException:  # cancelled, or ended from outside
            if self._is_whole and self.step:
                with suppress(StorageError):
                    checkpoints.write(self.step, self.state_dict())
            raise
        self._average.put()
        self._epoch.put_back()

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
            "average": self._average.state_dict(),
            "epoch": self._epoch.state_dict(),
            "step": self.step,
            "precision": self._precision,
            "micro_batch": self._memory.most,
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
        self._average.load_state_dict(state["average"])
        self._epoch.load_state_dict(state["epoch"])
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
        with self._average.shown():
            self._end_epoch(epoch)

    def _end_epoch(self, epoch: int) -> None:
        """Validate, record and judge the weights that count."""
        validation = processes.from_first(self._validated)
        self.meter.end_epoch(epoch, validation, self._peaks[0] * self._rate())
        self._epoch.end_epoch(validation.loss)
        is_last = epoch == self._epochs or self._epoch.is_over
        loss = self._epoch.loss if is_last else validation.loss
        training = self.meter.records[-1]["train_loss"]
        try:
            self._watch.end_epoch(epoch, loss, training, is_last=is_last)
        finally:
            self.meter.tell_epoch()

    def _rate(self) -> float:
        return learning_rate_factor(self._schedule, self.step, self._steps)

    def _take_step(self, indices: Tensor) -> None:
        if len(indices) < 2:  # batch normalisation needs two
            return
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * self._rate()
        parts = self._memory.held(lambda: self._gradients(indices), len(indices))
        self.meter.add(self._move(self._shared(parts)), len(indices))

    def _gradients(self, indices: Tensor) -> list[Tensor]:
        """Give the weights the gradients of a step's parts, and return the figures of these."""
        self._optimizer.zero_grad(set_to_none=True)
        parts, seed = [], self._schedule.seed
        for loss in self._memory.own_losses(indices, self.step, self._precision, seed):
            total = self._weights.total(loss)
            torch.autograd.backward(total)
            parts.append(loss.gathered(total))
        return parts

    def _shared(self, parts: Sequence[Tensor]) -> Tensor:
        """Add up what all processes found of a step, and return its figures where they are."""
        figures = torch.stack([torch.zeros(NUMBERS, device=self._objective.device), *parts]).sum(0)
        processes.add_up_gradients(self._parameters)
        processes.add_up([figures])
        self._memory.statistics.settle()
        return figures

    def _move(self, gathered: Tensor) -> Figures:
        """Move the weights by their gradients, if these and the losses are finite.

        A device is waited for once: what it has computed is read together.
        """
        norm = nn.utils.clip_grad_norm_(self._parameters, self._schedule.clip or math.inf)
        *read, length = torch.cat([gathered, norm.detach().float()[None]]).tolist()
        figures = Figures.of(read)
        self._watch.check_losses(figures, float(self._optimizer.param_groups[0]["lr"]))
        self._watch.check_gradient(length)
        self._optimizer.step()
        return figures

    def _validated(self) -> Validation:
        try:
            return self._objective.validate()
        except OutputsRefused:  # an answer that is not finite
            return Validation(math.nan, math.nan)


def parameter_groups(
    parts: Iterable[tuple[nn.Module, float]],
    schedule: Schedule,
    multiples: Mapping[nn.Parameter, float] = MappingProxyType({}),
) -> list[dict[str, object]]:
    """Return optimizer groups of modules, each with its multiple of the learning rate.

    Weight decay is left off biases, norms and other vectors.

    Args:
        parts: Modules, each with its multiple.
        schedule: Says the rate and the weight decay.
        multiples: What the rates of single weights are multiplied by besides.
    """
    groups: list[dict[str, object]] = []
    peak, decay = schedule.learning_rate or 0.0, schedule.weight_decay or 0.0
    seen: set[nn.Parameter] = set()
    for module, multiple in parts:
        fresh = [p for p in module.parameters() if p not in seen and p.requires_grad]
        seen.update(fresh)
        for own in sorted({multiples.get(p, 1.0) for p in fresh}, reverse=True):
            common = {"lr": peak * multiple * own}
            alike = [p for p in fresh if multiples.get(p, 1.0) == own]
            for is_decayed in (True, False):
                chosen = [p for p in alike if (p.ndim > 1) is is_decayed]
                groups.append({"params": chosen, "weight_decay": decay * is_decayed, **common})
    return [group for group in groups if group["params"]]


def optimizer_of(groups: list[dict[str, object]], schedule: Schedule) -> torch.optim.Optimizer:
    """Return the schedule's optimizer of groups, see `parameter_groups`."""
    if schedule.optimizer == "adamw":
        return torch.optim.AdamW(groups)
    is_nesterov = schedule.momentum_form == "nesterov"
    return torch.optim.SGD(groups, momentum=schedule.momentum, nesterov=is_nesterov)
