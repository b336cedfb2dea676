"""What all parts of a measurement of robustness follow."""

from dataclasses import dataclass

from usable_core.catalog.attacks import ATTACKS
from usable_core.evaluations.robustness import Check, RobustnessConfig
from usable_core.measuring.work import Place


@dataclass(frozen=True)
class RobustnessPlan:
    """What all parts follow: found out once, kept for whoever goes on from a killed run.

    Attributes:
        examples: How many there are.
        size: Of them that are held in memory together, but for the last.
        sizes: Images per pass, without and with gradients.
        checks: Of the attack, on the walked sample.
        check_passes: What they cost, in passes of single images.
        check_seconds: What they cost in time.
        raw: Which epsilons (0 or 1 each) break an example of the sample, by its index as a word.
    """

    examples: int
    size: int
    sizes: tuple[int, int]
    checks: tuple[Check, ...]
    check_passes: int
    check_seconds: float
    raw: dict[str, list[int]]

    def slices(self, place: Place) -> list[slice]:
        """Return the examples from a place on, those that are held in memory together."""
        starts = range(place.example, self.examples, self.size)
        return [slice(start, min(start + self.size, self.examples)) for start in starts]

    def may_descend(self, config: RobustnessConfig) -> bool:
        """Tell whether the descent was found to be right, or there is no walked sample to tell."""
        is_iterative = any(ATTACKS[spec.name].is_iterative for spec in config.attacks)
        descents = [check.verdict for check in self.checks if check.name == "descent"]
        return is_iterative and all(verdict == "green" for verdict in descents)
