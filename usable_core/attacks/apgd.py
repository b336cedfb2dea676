"""APGD: projected gradient ascent that sets its own step size.

Croce & Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse
parameter-free attacks", arXiv:2003.01690, algorithm 1.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from usable_core.attacks.gradient import Ascent, started
from usable_core.attacks.lanes import Answer, Lanes
from usable_core.attacks.norms import per_image, project, steepest

_MOMENTUM = 0.75  # α of the paper's eq. 3
_LEAST_RISES = 0.75  # ρ: the share of steps since the last check that must have risen


def checkpoints(steps: int) -> dict[int, int]:
    """Return the steps at which the step size is looked at, and the steps since the last look."""
    wait, least, shorter = (max(int(part * steps), 1) for part in (0.22, 0.06, 0.03))
    found, at = {}, wait
    while at <= steps:
        found[at] = wait
        wait = max(wait - shorter, least)
        at += wait
    return found


@dataclass(frozen=True)
class Apgd(Ascent):
    """Gradient ascent with momentum; halves its step and returns to the best when it stalls."""

    @cached_property
    def _waits(self) -> Tensor:
        """Steps since the last look, per step; 0 where none is taken."""
        waits = torch.zeros(self.spec.steps + 2, dtype=torch.int64)
        for at, wait in checkpoints(self.spec.steps).items():
            waits[at] = wait
        return waits

    def begin(self, lanes: Lanes) -> None:
        """Start in the ball with steps of twice its radius."""
        lanes.query = started(lanes, self.norm)
        lanes.state = {
            "previous": lanes.query,
            "best_gradient": torch.zeros_like(lanes.x),
            "step_size": 2 * lanes.epsilon,
            "rises": torch.zeros_like(lanes.step),
            "was_halved": torch.zeros_like(lanes.step),
            "last_loss": torch.full_like(lanes.best_loss, -torch.inf),
            "checked_loss": torch.full_like(lanes.best_loss, -torch.inf),
        }

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """Look at the step size where it is time, then move with momentum."""
        state, gradient = lanes.state, answer.gradient
        better = per_image(answer.is_better)
        state["best_gradient"] = torch.where(better, gradient, state["best_gradient"])
        state["rises"] += answer.loss > state["last_loss"]
        state["last_loss"] = answer.loss
        at, is_first = lanes.query, lanes.step == 0
        # The start is no step: it neither rises nor is there a loss to have improved on.
        state["rises"].masked_fill_(is_first, 0)
        state["checked_loss"] = torch.where(is_first, answer.loss, state["checked_loss"])
        state["was_halved"].masked_fill_(is_first, 1)
        halved = self._stalled(lanes)
        if bool(halved.any()):
            back = per_image(halved)
            state["step_size"] = torch.where(halved, state["step_size"] / 2, state["step_size"])
            at = torch.where(back, lanes.best, at)
            gradient = torch.where(back, state["best_gradient"], gradient)
        self._move(lanes, at, gradient, is_first)
        return lanes.step >= self.spec.steps

    def _stalled(self, lanes: Lanes) -> Tensor:
        """Return which lanes halve their step: too few rises, or nothing better at full step."""
        state = lanes.state
        wait = self._waits.to(lanes.step.device)[lanes.step.clamp_max(self.spec.steps + 1)]
        is_due = wait > 0
        if not bool(is_due.any()):
            return is_due
        has_few_rises = state["rises"] <= _LEAST_RISES * wait
        is_no_better = state["checked_loss"] >= lanes.best_loss
        halved = is_due & (has_few_rises | (is_no_better & (state["was_halved"] == 0)))
        state["was_halved"] = torch.where(is_due, halved.long(), state["was_halved"])
        state["checked_loss"] = torch.where(is_due, lanes.best_loss, state["checked_loss"])
        state["rises"].masked_fill_(is_due, 0)
        return halved

    def _move(self, lanes: Lanes, at: Tensor, gradient: Tensor, is_first: Tensor) -> None:
        x, epsilon = lanes.x, lanes.epsilon
        step = per_image(lanes.state["step_size"]) * steepest(gradient, self.norm)
        stepped = project(at + step, x, epsilon, self.norm)
        share = per_image(torch.where(is_first, 1.0, _MOMENTUM))
        mixed = at + (stepped - at) * share + (at - lanes.state["previous"]) * (1 - share)
        lanes.state["previous"] = at
        lanes.query = project(mixed, x, epsilon, self.norm)
