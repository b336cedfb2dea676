"""Square: random search that asks for answers only, so masked gradients do not stop it.

Andriushchenko et al. 2020, arXiv:1912.00049, algorithms 2 and 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from usable_core import randomness
from usable_core.attacks.gradient import planned_runs
from usable_core.attacks.lanes import Answer, Lanes
from usable_core.attacks.losses import margin
from usable_core.attacks.norms import per_image, project
from usable_core.catalog.attacks import AttackSpec
from usable_core.evaluations.specs import Norm

_FIRST_SHARE = 0.8  # of the pixels in the first square, as AutoAttack has it
# After so many of 10,000 queries the share is halved (section 4.1 of the paper).
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
_STARTS = 2**40  # stream of the first images, apart from those of the squares


@dataclass(frozen=True)
class Square:
    """One square of new values at a time, kept where the margin shrinks; Linf."""

    spec: AttackSpec
    norm: Norm
    classes: int
    gradient_steps: int = 0

    @cached_property
    def runs(self) -> Sequence[tuple[int, int]]:
        """One for each restart."""
        return planned_runs(self.spec, self.classes)

    @cached_property
    def _shares(self) -> Tensor:
        """Share of the pixels in the square, per step."""
        rescaled = torch.arange(self.spec.steps + 2) * 10_000 // max(self.spec.steps, 1)
        halved = torch.stack([rescaled > at for at in _HALVINGS]).sum(0)
        return _FIRST_SHARE / 2.0**halved

    def begin(self, lanes: Lanes) -> None:
        """Start from vertical stripes at the edge of the ball."""
        x = lanes["x"]
        stripes = randomness.signs(
            lanes["seed"], (x.shape[1], 1, x.shape[3]), lanes["restart"] + _STARTS
        )
        lanes["query"] = project(
            x + per_image(lanes["epsilon"]) * stripes, x, lanes["epsilon"], self.norm
        )

    def loss(self, logits: Tensor, lanes: Lanes) -> Tensor:
        """Return the margin (L,)."""
        return margin(logits, lanes["y"], lanes["target"])

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """Change one square of the best image."""
        best, step = lanes["best"], lanes["step"]
        channels, height, width = best.shape[1:]
        stream = lanes["restart"] * (self.spec.steps + 1) + step
        drawn = randomness.uniform(lanes["seed"], (2 + channels,), stream)
        share = self._shares.to(step.device)[step + 1]
        side = (share * height * width).sqrt().round().clamp(1, min(height, width) - 1)
        inside = _within(drawn[:, 0], side, height)[:, :, None]
        inside = inside & _within(drawn[:, 1], side, width)[:, None, :]
        change = torch.where(drawn[:, 2:] < 0.5, -2.0, 2.0) * lanes["epsilon"][:, None]
        moved = best + change[:, :, None, None] * inside[:, None]
        lanes["query"] = project(moved, lanes["x"], lanes["epsilon"], self.norm)
        return step + 1 >= self.spec.steps


def _within(drawn: Tensor, side: Tensor, length: int) -> Tensor:
    """Return which of `length` places lie in a stretch of `side` at a random place (L, length)."""
    first = (drawn * (length - side + 1)).floor()[:, None]
    place = torch.arange(length, device=drawn.device)
    return (place >= first) & (place < first + side[:, None])
