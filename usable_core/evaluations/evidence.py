"""How far one map is to be trusted: figures beside it, each with what it is compared with.

Numbers of superpixels are in the order of the superpixels, 0 first.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.specs import Norm
from usable_core.labels import is_same_class
from usable_core.records import to_json

Floats = tuple[float, ...]


@dataclass(frozen=True)
class Stability:
    """Monte Carlo error of a map: how its parts that were drawn from other seeds differ.

    Attributes:
        values: Credit of each superpixel (S,): that of the whole map.
        low: Lower end of its 95 % interval (S,).
        high: Upper end (S,).
        error_share: Largest standard error over largest |value|; NaN for a map of zeros.
        seeds: Number of parts, each drawn from a seed of its own.
        is_stable: The error share is below the tolerance that was asked for.
    """

    values: Floats
    low: Floats
    high: Floats
    error_share: float
    seeds: int
    is_stable: bool

    @property
    def is_settled(self) -> tuple[bool, ...]:
        """Return whether each superpixel's sign is settled (S,): its interval excludes 0."""
        return tuple(low > 0 or high < 0 for low, high in zip(self.low, self.high, strict=True))


@dataclass(frozen=True)
class PerturbationCurve:
    """The target's probability as pixels are hidden (deletion, ROAD) or shown (insertion).

    Attributes:
        kind: `deletion`, `insertion` or `road`, all by superpixels of the highest credit first.
        background: What stands at hidden pixels.
        fractions: True share of the pixels changed (K,), from 0 to 1.
        outputs: Probability of the target (K,) in the map's order.
        random_mean: The same in random orders, their mean (K,).
        random_low: Their lowest (K,).
        random_high: Their highest (K,).
        centre: The same from the picture's centre outwards (K,): what a map must beat.
    """

    kind: Literal["deletion", "insertion", "road"]
    background: str
    fractions: Floats
    outputs: Floats
    random_mean: Floats
    random_low: Floats
    random_high: Floats
    centre: Floats

    @property
    def area(self) -> float:
        """Return the area under the map's curve."""
        return self._area(self.outputs)

    @property
    def random_area(self) -> float:
        """Return the area under the mean of the random orders."""
        return self._area(self.random_mean)

    @property
    def centre_area(self) -> float:
        """Return the area under the centre-first order."""
        return self._area(self.centre)

    @property
    def gain(self) -> float:
        """Return by how much the map's order beats the random one, as a share of what either does.

        (random area − area) / (highest − lowest of both curves) where pixels are hidden, its
        negative where they are shown: from −1 to 1, and 0 is no better than chance for this very
        network, whose smoothness it cancels. Between the ends alone a curve may go far beyond
        them, as where the background leaves the answer as it was. NaN where nothing changes it.
        """
        passed = (*self.outputs, *self.random_mean)
        span = max(passed) - min(passed)
        if span < 1e-6:
            return float("nan")
        difference = self.random_area - self.area
        return (-difference if self.kind == "insertion" else difference) / span

    def summary(self) -> dict[str, Any]:
        """Return fields and areas as JSON."""
        areas = {
            name: getattr(self, name) for name in ("area", "random_area", "centre_area", "gain")
        }
        found: dict[str, Any] = to_json({**to_json(self), **areas})
        return found

    def _area(self, outputs: Floats) -> float:
        return float(np.trapezoid(outputs, self.fractions))


# |rank correlation| from which two maps look alike (Adebayo et al. 2018, arXiv:1810.03292, show
# maps of randomised networks near 0 for sound methods).
ALIKE = 0.5


@dataclass(frozen=True)
class Sanity:
    """Whether the map depends on what it should depend on.

    Attributes:
        randomised: Rank correlation of superpixels with the map of the same network with random
            weights; NaN where a map has no order.
        other_class: The same with the map of another class.
        other_target: Name of that class: the most probable one beside the target.
    """

    randomised: float
    other_class: float
    other_target: str

    @property
    def ignores_weights(self) -> bool:
        """Return whether the map hardly changes when the network forgets all that it learnt."""
        return self.randomised >= ALIKE

    @property
    def ignores_class(self) -> bool:
        """Return whether the map hardly changes when another class is explained."""
        return self.other_class >= ALIKE


@dataclass(frozen=True)
class Evidence:
    """Everything that was measured about one map beyond what it says of itself.

    Attributes:
        curves: Deletion and insertion on two backgrounds, and ROAD.
        sanity: Randomised weights and another class; None where weights cannot be randomised.
        evaluations: Single-image evaluations spent.
        seconds: Wall time.
    """

    curves: tuple[PerturbationCurve, ...]
    sanity: Sanity | None
    evaluations: int
    seconds: float

    def figures(self) -> dict[str, float]:
        """Return areas, gains and correlations by the names of a data set's records.

        The first background is the one that names do not say.
        """
        found: dict[str, float] = {}
        if self.curves:
            passed = [p for curve in self.curves for p in (*curve.outputs, *curve.random_mean)]
            found["answer_span"] = max(passed) - min(passed)
        for curve in self.curves:
            if curve.kind == "road":
                found["road_gain"] = curve.gain
            elif curve.background == self.curves[0].background:
                found |= {f"{curve.kind}_area": curve.area, f"{curve.kind}_gain": curve.gain}
            else:
                found[f"{curve.kind}_gain_{curve.background}"] = curve.gain
        if self.sanity is not None:
            found |= {"randomised": self.sanity.randomised, "other_class": self.sanity.other_class}
        return found

    def summary(self) -> dict[str, Any]:
        """Return every number as JSON."""
        sanity = None
        if self.sanity is not None:
            flags = {n: getattr(self.sanity, n) for n in ("ignores_weights", "ignores_class")}
            sanity = {**to_json(self.sanity), **flags}
        return {
            "curves": [curve.summary() for curve in self.curves],
            "sanity": sanity,
            "evaluations": self.evaluations,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Fragility:
    """How small a change of one image makes the model change its mind.

    Attributes:
        norm: Norm of the change.
        attack: What was tried, in words.
        epsilons: Budgets (K,), 0 first.
        predictions: Predicted class at each, by name (K,), on the image's own adversarial path.
        confidences: Probability of the clean prediction at each (K,).
        is_kept: Whether the prediction is still the clean one (K,).
        smallest: The smallest budget of the grid that broke it; None where none did.
        seconds: Wall time.
    """

    norm: Norm
    attack: str
    epsilons: Floats
    predictions: tuple[str, ...]
    confidences: Floats
    is_kept: tuple[bool, ...]
    smallest: float | None
    seconds: float

    def said(self, true: str | None = None) -> str:
        """Return in words what the smallest change does: `Breaks at ε ≤ 4/255: dog`.

        A right answer *breaks*. One that was wrong before cannot: it may turn right.

        Args:
            true: Name of the true class; None where nobody knows it.
        """
        if self.smallest is None:
            return f"The answer stays up to ε = {epsilon_label(self.epsilons[-1], self.norm)}"
        after = self.predictions[self.epsilons.index(self.smallest)]
        label = epsilon_label(self.smallest, self.norm)
        return f"{self._change(after, true)} at ε ≤ {label}: {after}"

    def _change(self, after: str, true: str | None) -> str:
        if true is None:
            return "The answer changes"
        if is_same_class(self.predictions[0], true):
            return "Breaks"
        is_right = is_same_class(after, true)
        return "Wrong as it is, turns right" if is_right else "Wrong as it is, stays wrong"


@dataclass(frozen=True)
class Without:
    """What hiding parts of an image does to the probability of the class explained.

    Attributes:
        superpixels: Which of the picture's superpixels are hidden, of those that the model sees.
        before: Softmax probability of the class with nothing hidden.
        after: The same without the parts.
    """

    superpixels: tuple[int, ...]
    before: float
    after: float


@dataclass(frozen=True)
class Drift:
    """How a map moves along the image's own adversarial path (see `Fragility`, same budgets).

    Similarities are with the clean map, on superpixels. At ε = 0 two clean maps of different seeds
    are compared: what they differ by is Monte Carlo noise, which `*_drift` leaves out.

    Attributes:
        epsilons: Budgets (K,), 0 first.
        rank_correlation: Spearman, signed (K,); NaN where a map has no order.
        top_overlap: Share of the five highest superpixels in common (K,).
        is_kept: Whether the prediction is still the clean one (K,).
        confidences: Probability of the clean prediction at each (K,).
        evaluations: Single-image evaluations spent.
        seconds: Wall time.
    """

    epsilons: Floats
    rank_correlation: Floats
    top_overlap: Floats
    is_kept: tuple[bool, ...]
    confidences: Floats
    evaluations: int
    seconds: float

    @property
    def rank_drift(self) -> Floats:
        """Return the loss of rank correlation beyond the noise (K,), 0 at ε = 0."""
        return tuple(self.rank_correlation[0] - found for found in self.rank_correlation)

    @property
    def top_drift(self) -> Floats:
        """Return the loss of top overlap beyond the noise (K,), 0 at ε = 0."""
        return tuple(self.top_overlap[0] - found for found in self.top_overlap)
