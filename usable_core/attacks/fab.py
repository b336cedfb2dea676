"""FAB: steps onto the decision boundary's tangent plane, and keeps close to the clean image.

Croce & Hein 2020, "Minimally distorted adversarial examples with a fast adaptive boundary attack",
arXiv:1907.02044, algorithm 1, aimed at one class per run as AutoAttack does it. One question is one
step: the plane is laid where the question was, also where the way goes on from a point nearer to x.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from usable_core.attacks.gradient import Ascent
from usable_core.attacks.lanes import Answer, Lanes
from usable_core.attacks.losses import targeted_margin
from usable_core.attacks.norms import per_image, random_start, size

# Settings of section 4 of the paper, which AutoAttack uses too.
_MOST_BIAS = 0.1  # α_max: the largest weight of the way that starts at the clean image
_OVERSHOOT = 1.05  # η
_BACKWARD = 0.9  # β: what is left of the perturbation after a step back
_PIXELS = (1, 2, 3)
_TINY, _HUGE = 1e-20, 1e12  # keep quotients finite where there is no gradient


@dataclass(frozen=True)
class Fab(Ascent):
    """Steps onto the plane where the target draws level with the true class, inside the box."""

    def begin(self, lanes: Lanes) -> None:
        """Start at the clean image; later restarts at a random point halfway out."""
        x = lanes.x
        drawn = random_start(x, lanes.epsilon / 2, self.norm, lanes.seed, lanes.restart)
        lanes.query = torch.where(per_image(lanes.restart == 0), x, drawn)
        lanes.distance = size(lanes.query - x, self.norm)

    def loss(self, logits: Tensor, lanes: Lanes) -> Tensor:
        """Return the margin of the target (L,): 0 on the boundary to it."""
        return targeted_margin(logits, lanes.y, lanes.target)

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """Step onto the plane; from a point nearer to x where the question was across it."""
        x, asked, slope = lanes.x, lanes.query, answer.gradient
        is_across = per_image(answer.logits.argmax(1) != lanes.y)
        at = torch.where(is_across, x + (asked - x) * _BACKWARD, asked)
        gained = ((asked - x) * slope).sum(_PIXELS)
        is_back = is_across.flatten() * (1 - _BACKWARD)
        from_at = self._onto_plane(at, slope, is_back * gained - answer.loss)
        from_x = self._onto_plane(x, slope, gained - answer.loss)
        far, near = (size(way, self.norm).clamp_min(1e-8) for way in (from_at, from_x))
        bias = per_image((far / (far + near)).clamp_max(_MOST_BIAS))
        mixed = (at + _OVERSHOOT * from_at).lerp(x + _OVERSHOOT * from_x, bias)
        lanes.query = mixed.clamp_(0, 1)
        lanes.distance = size(lanes.query - x, self.norm)
        return lanes.step >= self.spec.steps

    def _onto_plane(self, point: Tensor, slope: Tensor, missing: Tensor) -> Tensor:
        """Return the shortest ways (L, 3, H, W) from `point` that raise the linear loss by a gap.

        They stay in the box [0, 1]; who cannot close the gap goes as far as it lets them.

        Args:
            point: Images (L, 3, H, W).
            slope: Gradient of the loss (L, 3, H, W).
            missing: The gap (L,), below 0 where the point is across.
        """
        direction = slope * per_image(missing.sign())
        room = torch.where(direction > 0, 1 - point, point)
        weight = slope.abs()
        largest = weight.amax(_PIXELS, keepdim=True).clamp_min(_TINY)
        needed = per_image(missing.abs()) / largest
        return _LENGTHS[self.norm](weight.div_(largest), room, needed) * direction.sign_()


def linf_lengths(weight: Tensor, room: Tensor, needed: Tensor) -> Tensor:
    """Return `least_level` lengths of equal size, as far as there is room."""
    return torch.minimum(least_level(weight, None, room, needed), room)


def l2_lengths(weight: Tensor, room: Tensor, needed: Tensor) -> Tensor:
    """Return lengths in proportion to the weights, as far as there is room."""
    return torch.minimum(least_level(weight, weight, room, needed) * weight, room)


def l1_lengths(weight: Tensor, room: Tensor, needed: Tensor) -> Tensor:
    """Return lengths that use up the room of the largest weights first."""
    ordered, order = weight.flatten(1).sort(dim=1, descending=True)
    gain = ordered * room.flatten(1).gather(1, order)
    left = needed.flatten(1) - (gain.cumsum(1) - gain)  # what those of larger weight leave to do
    length = (left / ordered.clamp_min(_TINY)).clamp_min(0)
    return torch.minimum(torch.empty_like(length).scatter_(1, order, length).view_as(room), room)


_LENGTHS = {"linf": linf_lengths, "l2": l2_lengths, "l1": l1_lengths}


def least_level(weight: Tensor, share: Tensor | None, room: Tensor, needed: Tensor) -> Tensor:
    """Return the least t (L, 1, 1, 1) with sum of weight × min(t × share, room) = needed.

    The sum is concave in t, so Newton's steps from 0 rise to the answer and reach it after finitely
    many: they are over when no pixel runs out of room any more. Huge where there is no answer.

    Args:
        weight: Gain per unit of length (L, 3, H, W), 0 or more.
        share: Length per unit of t (L, 3, H, W), 0 or more; None is 1.
        room: Longest lengths (L, 3, H, W).
        needed: Gain to reach (L, 1, 1, 1).
    """
    gain = weight if share is None else weight * share
    level = needed / gain.sum(_PIXELS, keepdim=True).clamp_min(_TINY)
    while True:
        length = level if share is None else level * share
        lack = needed - (torch.minimum(length, room) * weight).sum(_PIXELS, keepdim=True)
        slope = ((length < room) * gain).sum(_PIXELS, keepdim=True)
        higher = (level + lack / slope.clamp_min(_TINY)).clamp(0, _HUGE)
        if not bool((higher > level * (1 + 1e-5)).any()):
            return level
        level = torch.maximum(level, higher)
