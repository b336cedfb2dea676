"""An attack: one step along the gradient from a random start (Wong et al. 2020)."""

from dataclasses import dataclass

from usable_core.attacks.gradient import Ascent, started
from usable_core.attacks.norms import per_image, project, steepest


@dataclass(frozen=True)
class Toy(Ascent):
    @property
    def gradient_steps(self):
        return 1

    def begin(self, lanes):
        lanes.query = started(lanes, self.norm)

    def advance(self, lanes, answer):
        moved = lanes.query + per_image(lanes.epsilon) * steepest(answer.gradient, self.norm)
        lanes.query = project(moved, lanes.x, lanes.epsilon, self.norm)
        return lanes.step >= 1
