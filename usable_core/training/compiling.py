"""Whether the steps of a training are compiled: tried and timed, for compiling takes its own time.

Compiled kernels round differently, so what was chosen stands in checkpoints and on the card.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from usable_core.asking.batch_size import is_out_of_memory
from usable_core.asking.precision import now
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import Precision, Report, require
from usable_core.training import processes
from usable_core.training.forward import Choice, Forward
from usable_core.training.micro_batches import Memory
from usable_core.training.objective import Objective, Weights
from usable_core.training.undoing import undone

LEAST = 300.0  # s of steps: in fewer, compiling is not even tried
GAIN = 1.1  # so many times as soon must it all be over: less is noise, and other numbers
_ROUNDS = 2  # steps that are timed; the fastest counts
_NOT = "The steps were not compiled: their numbers are those of --compile off. "


@dataclass(frozen=True)
class Trial:
    """Steps of a training before its first one, which leave no trace.

    Attributes:
        objective: What is minimised.
        schedule: How.
        precision: Number format of the steps.
        memory: How many examples go through together.
        report: Told what takes time.
    """

    objective: Objective
    schedule: Schedule
    precision: Precision
    memory: Memory
    report: Report

    def choose(self) -> None:
        """Compile the steps, if the schedule says so or they are then over sooner.

        Raises:
            ConfigError: they must be, of a training whose steps are not compiled.
        """
        forward, asked = self.objective.forward, self.schedule.compile
        if forward is None:
            expected = (
                "off or auto here: steps of texts, whose lengths differ, adversarial ones and those"
                " that compare pictures are taken as they are"
            )
            require(asked != "on", "compile", expected, asked)
        elif asked != "off":
            act = self._compare if asked == "auto" else self._compile
            self.keep_to(processes.from_first(lambda: self._tried(act, forward)))

    def keep_to(self, choice: Choice) -> None:
        """Keep to what another process chose, if that can be done here."""
        forward = self.objective.forward
        if forward is None or forward.choice == choice:
            return
        if not choice.is_compiled or self._tried(self._compile, forward).is_compiled:
            forward.choice = choice

    def _tried(self, act: Callable[[Forward], object], forward: Forward) -> Choice:
        try:
            act(forward)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            forward.leave(f"{_NOT}Memory ran out when it was tried.")
        return forward.choice

    def _compare(self, forward: Forward) -> None:
        """Compile a step, and keep to that if all that are left are then over sooner."""
        left = self.objective.steps(self.schedule) * self.schedule.numbers[0] / processes.count()
        if self._seconds() * left < LEAST:  # the first step is slower than others
            return
        eager = min(self._seconds() for _ in range(_ROUNDS))
        began = now(self.objective.device)
        if eager * left < LEAST or not self._compile(forward):
            return
        took = now(self.objective.device) - began
        each = min(self._seconds() for _ in range(_ROUNDS))
        figures = f"took {took:.0f} s, and a step then {each:.3g} s instead of {eager:.3g} s"
        if eager * left > GAIN * (took + each * left):
            again = "--compile on takes them so again, --compile off as they are."
            forward.choice = Choice(True, f"The steps were compiled, which {figures}. {again}")
        else:
            forward.leave(f"{_NOT}Compiling was tried; it {figures}.")

    def _compile(self, forward: Forward) -> bool:
        """Compile the pass of a step; tell whether that could be done."""
        self.report(0, 0, "Compiling the step")
        forward.compile()
        try:
            self._seconds()
        except (RuntimeError, OSError, ImportError) as error:
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            forward.leave(f"{_NOT}torch.compile failed: {reason.rstrip('.')}.")
        return forward.choice.is_compiled

    def _seconds(self) -> float:
        """Return how long the passes of a step of as many examples as most have take (s)."""
        objective = self.objective
        indices = torch.arange(min(self.schedule.numbers[1], objective.examples))
        with undone(objective.modules, objective.device):
            began = now(objective.device)
            for loss in self.memory.losses(indices, 0, self.precision):
                torch.autograd.backward(Weights(source=1.0).total(loss))
            return now(objective.device) - began
