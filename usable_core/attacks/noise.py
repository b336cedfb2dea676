"""Random noise of the attack's size: the baseline that every real attack must beat."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from usable_core import randomness
from usable_core.attacks.gradient import Search
from usable_core.attacks.lanes import Answer, Lanes
from usable_core.attacks.norms import per_image, project, random_edge, random_start, size
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
class Noise(Search):
    """As many draws as there are restarts; the one of the highest loss counts."""

    def begin(self, lanes: Lanes) -> None:
        """Draw."""
        draw = _DRAWS[self.spec.name]
        lanes.query = draw(lanes.x, lanes.epsilon, self.norm, lanes.seed, lanes.restart)

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """One question is all there is."""
        return torch.ones_like(answer.is_fooled)
