"""`Watch`: a training that runs away is stopped, and the last good weights are put back.

Clipping keeps the gradient of a training that diverges finite, so its losses are watched too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from usable_core.evaluations.schedule import Schedule
from usable_core.training.meter import Figures

GUESSING = 10  # times ln(classes), the loss of guessing: no validation loss of use is that high
PATIENCE = 0.03  # share of the steps, after the warm-up, that may all lie above the start
LEAST_PATIENCE = 10  # steps: fewer can be chance
ABOVE = 1.25  # times the start: batches of a training that stands still scatter by less
LOWER = (
    "Lower the learning rate (a tenth of it is a good next try: --learning-rate {rate:g}), or use "
    "a longer --warmup."
)


@dataclass(eq=False)  # every stop is its own
class Divergence(Exception):
    """Why and where a training was stopped.

    Attributes:
        reason: A sentence's end, what was seen.
        step: Which step, from 1; 0 is before the first.
        steps: How many there would have been.
        rate: The learning rate at that step.
        remedy: A sentence, what to do.
    """

    reason: str
    step: int
    steps: int
    rate: float
    remedy: str

    def __str__(self) -> str:
        where = f"at step {self.step} of {self.steps}" if self.step else "before its first step"
        rate = f" (learning rate {self.rate:.3g})" if self.step else ""
        return f"Training diverged {where}{rate}: {self.reason}. {self.remedy}"


class Watch:
    """Looks at every step and every epoch of one training.

    Attributes:
        good_epochs: Up to which epoch, from 1, the weights were good; 0 is none.
    """

    def __init__(
        self, modules: Sequence[nn.Module], schedule: Schedule, classes: int, steps: int
    ) -> None:
        """Prepare.

        Args:
            modules: What is trained.
            schedule: How; its learning rate is a number.
            classes: Of the task.
            steps: How many there will be.
        """
        self._modules, self._classes, self._steps = modules, classes, steps
        self._peak, self._warm = schedule.learning_rate or 0.0, steps * schedule.warmup
        self._patience = max(LEAST_PATIENCE, math.ceil(PATIENCE * steps))
        self._start, self._step, self._above, self._rate = math.nan, 0, 0, 0.0
        self.good_epochs = 0
        self._good: list[dict[str, Tensor]] = []

    def check_start(self, figures: Figures) -> None:
        """Check the losses before the first step.

        Raises:
            Divergence: one is not a finite number.
        """
        self._start = figures.total
        for name, value in _named(figures):
            if not math.isfinite(value):
                reason = f"{name}, is already {value}"
                remedy = (
                    "No learning rate mends that: the weights hold values that are not finite, or "
                    "the outputs overflow. Choose another model or other weights."
                )
                raise Divergence(reason, 0, self._steps, 0.0, remedy)

    def check_losses(self, figures: Figures, rate: float) -> None:
        """Check the losses of the next step, which is to be taken at a learning rate.

        Raises:
            Divergence: one is not finite, or what is minimised stays above its start.
        """
        self._step += 1
        self._rate = rate
        for name, value in _named(figures):
            if not math.isfinite(value):
                raise self._stopped(f"{name}, is {value}")
        is_above = self._step > self._warm and not figures.total <= ABOVE * self._start
        self._above = self._above + 1 if is_above else 0
        if self._above >= self._patience:
            raise self._stopped(
                f"the training loss was more than {ABOVE:g} times its start of "
                f"{self._start:.3g} in each of the last {self._above} steps (now "
                f"{figures.total:.3g})"
            )

    def check_gradient(self, norm: float) -> None:
        """Check the norm of a step's gradient.

        Raises:
            Divergence: it is not finite.
        """
        if not math.isfinite(norm):
            raise self._stopped(f"the norm of the gradient is {norm}, though the loss is finite")

    def end_epoch(self, epoch: int, validation: float, training: float, *, is_last: bool) -> None:
        """Check an epoch by its mean losses, in nats, and keep its weights if they are good.

        A validation loss that is far too high may be batch statistics that lag behind, if the
        training loss has fallen: then only the last epoch may not end with it. A few steps settle
        no statistics, so nothing is said of them here.

        Raises:
            Divergence: the validation loss is not finite, or ten times that of guessing.
        """
        classes = max(2, self._classes)
        if not math.isfinite(validation):
            raise self._stopped(
                "the validation loss is not a finite number: the model answers some validation "
                "examples with NaN or infinities"
            )
        if validation > GUESSING * math.log(classes):
            if self._step < LEAST_PATIENCE or (training < self._start and not is_last):
                return
            raise self._stopped(
                f"the validation loss is {validation:.3g} nats, more than {GUESSING} times "
                f"that of guessing (ln {classes} = {math.log(classes):.2f})"
            )
        states = [module.state_dict() for module in self._modules]
        self._good = [{name: t.detach().clone() for name, t in state.items()} for state in states]
        self.good_epochs = epoch

    def put_back(self) -> None:
        """Give the modules the weights that they had after the last good epoch, if there is one."""
        for module, state in zip(self._modules, self._good, strict=False):
            module.load_state_dict(state)

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen so far, in tensors and numbers."""
        seen = {"start": self._start, "step": self._step, "above": self._above, "rate": self._rate}
        return {**seen, "good_epochs": self.good_epochs, "good": self._good}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be where a state was taken."""
        self._start, self._step, self._above = state["start"], state["step"], state["above"]
        self._rate, self.good_epochs, self._good = (
            state["rate"],
            state["good_epochs"],
            state["good"],
        )

    def _stopped(self, reason: str) -> Divergence:
        remedy = LOWER.format(rate=self._peak / 10)
        return Divergence(reason, self._step, self._steps, self._rate, remedy)


def _named(figures: Figures) -> list[tuple[str, float]]:
    named = [("the loss on the task, L_fine", figures.task)]
    if figures.source is None:
        return named
    return [*named, ("the loss on the source, L_pre", figures.source)]
