"""Random noise of the attack's size: the baseline that every real attack must beat."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from usable_core import randomness
from usable_core.attacks.gradient import planned_runs
from usable_core.attacks.lanes import Answer, Lanes
from usable_core.attacks.losses import margin
from usable_core.attacks.norms import per_image, project, random_edge, random_start, size
from usable_core.catalog.attacks import AttackSpec
from usable_core.evaluations.specs import Norm

Draw = Callable[[Tensor, Tensor, Norm, Tensor, Tensor], Tensor]


def gaussian(x: Tensor, epsilon: Tensor, norm: Norm, seeds: Tensor, restart: Tensor) -> Tensor:
    """Return images with normal noise (N, 3, H, W), scaled to the budget's edge, clipped to [0, 1].

    In Linf the standard deviation is epsilon / 2 and the noise is cut at epsilon.
    """
    noise = randomness.normal(seeds, x.shape[1:], restart)
    if norm == "linf":
        scaled = per_image(epsilon) / 2 * noise
    else:
        scaled = noise * per_image(epsilon / size(noise, norm))
    return project(x + scaled, x, epsilon, norm)


_DRAWS: dict[str, Draw] = {
    "noise": random_edge,
    "uniform_noise": random_start,
    "gaussian_noise": gaussian,
}


@dataclass(frozen=True)
class Noise:
    """As many draws as there are restarts; the one of the highest loss counts."""

    spec: AttackSpec
    norm: Norm
    classes: int
    gradient_steps: int = 0

    @cached_property
    def runs(self) -> Sequence[tuple[int, int]]:
        """One for each draw."""
        return planned_runs(self.spec, self.classes)

    def begin(self, lanes: Lanes) -> None:
        """Draw."""
        lanes.query = _DRAWS[self.spec.name](
            lanes.x, lanes.epsilon, self.norm, lanes.seed, lanes.restart
        )

    def loss(self, logits: Tensor, lanes: Lanes) -> Tensor:
        """Return the margin (L,)."""
        return margin(logits, lanes.y, lanes.target)

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """One question is all there is."""
        return torch.ones_like(answer.is_fooled)
