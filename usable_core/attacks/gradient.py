"""FGSM and PGD: attacks that follow the gradient of the loss with respect to the pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from usable_core.attacks.lanes import Answer, Lanes
from usable_core.attacks.losses import Loss, fitting_loss, margin
from usable_core.attacks.norms import per_image, project, random_start, steepest
from usable_core.catalog.attacks import AttackSpec
from usable_core.evaluations.specs import Norm

# Steps add up to more than the ball's diameter, so every start can reach every point of its edge
# (Madry et al. 2018 use the same factor).
REACH = 2.5


def planned_runs(spec: AttackSpec, classes: int) -> list[tuple[int, int]]:
    """Return (restart, target rank) of each run; at most classes − 1 targets, −1 for none.

    A targeted loss aims at one class at least; other losses aim at none.
    """
    ranks = range(min(max(spec.targets, 1), classes - 1)) if spec.is_targeted else (-1,)
    return [(restart, rank) for restart in range(spec.restarts) for rank in ranks]


def started(lanes: Lanes, norm: Norm) -> Tensor:
    """Return where each lane begins (L, 3, H, W): what is known, else drawn from its ball."""
    drawn = random_start(lanes.x, lanes.epsilon, norm, lanes.seed, lanes.restart)
    is_known = ((lanes.start != lanes.x).flatten(1).any(1)) & (lanes.restart == 0)
    return torch.where(is_known.view(-1, 1, 1, 1), lanes.start, drawn)


@dataclass(frozen=True)
class Search:
    """What attacks share that ask for answers only and raise the margin.

    Attributes:
        spec: The attack's settings.
        norm: Norm of the budget.
        classes: Of the model.
    """

    spec: AttackSpec
    norm: Norm
    classes: int

    @property
    def gradient_steps(self) -> int:
        """None."""
        return 0

    @cached_property
    def runs(self) -> Sequence[tuple[int, int]]:
        """Restarts times targets."""
        return planned_runs(self.spec, self.classes)

    def loss(self, logits: Tensor, lanes: Lanes) -> Tensor:
        """Return the loss (L,)."""
        return margin(logits, lanes.y, lanes.target)


@dataclass(frozen=True)
class Ascent(Search):
    """What attacks share that climb a loss of their spec along its gradient."""

    @property
    def gradient_steps(self) -> int:
        """Every step; the last image is only classified."""
        return self.spec.steps

    @cached_property
    def _loss(self) -> Loss:
        return fitting_loss(self.spec.loss, self.classes)

    def loss(self, logits: Tensor, lanes: Lanes) -> Tensor:
        """Return the loss (L,)."""
        return self._loss(logits, lanes.y, lanes.target)


@dataclass(frozen=True)
class Fgsm(Ascent):
    """One gradient step of the size of the budget.

    Reference: Goodfellow et al. 2015, arXiv:1412.6572.
    """

    @property
    def gradient_steps(self) -> int:
        """The one step."""
        return 1

    @cached_property
    def runs(self) -> Sequence[tuple[int, int]]:
        """One for each target; nothing is drawn, so restarts would repeat it."""
        return planned_runs(replace(self.spec, restarts=1), self.classes)

    def begin(self, lanes: Lanes) -> None:
        """Ask at the clean image first."""
        lanes.query = lanes.x

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """Take the step; over when it has been asked about."""
        step = per_image(lanes.epsilon) * steepest(answer.gradient, self.norm)
        lanes.query = project(lanes.x + step, lanes.x, lanes.epsilon, self.norm)
        return lanes.step >= 1


@dataclass(frozen=True)
class Pgd(Ascent):
    """Projected gradient ascent from a random start, with momentum where it is asked for.

    Reference: Madry et al. 2018, arXiv:1706.06083; momentum: Dong et al. 2018, arXiv:1710.06081.
    """

    def begin(self, lanes: Lanes) -> None:
        """Start in the ball."""
        lanes.query = started(lanes, self.norm)
        if self.spec.momentum:
            lanes.state["velocity"] = torch.zeros_like(lanes.x)

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """Take a step; over when all steps have been asked about."""
        gradient = answer.gradient
        if self.spec.momentum:
            scale = gradient.abs().sum((1, 2, 3), keepdim=True).clamp_min(1e-12)
            gradient = self.spec.momentum * lanes.state["velocity"] + gradient / scale
            lanes.state["velocity"] = gradient
        factor = REACH / self.spec.steps if self.spec.step_size is None else self.spec.step_size
        step = per_image(factor * lanes.epsilon) * steepest(gradient, self.norm)
        lanes.query = project(lanes.query + step, lanes.x, lanes.epsilon, self.norm)
        return lanes.step >= self.spec.steps
