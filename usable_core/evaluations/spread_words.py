"""What trainings with several seeds gave, in words; see `sweep_words`, `learning_curve_words`."""

import math
from collections.abc import Iterable, Mapping, Sequence

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.text_attacks import KNOWN_PRESETS
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.specs import InputKind
from usable_core.evaluations.training_axes import AXES, Spread
from usable_core.evaluations.trainings import USUAL_PRESETS, Measures
from usable_core.metrics.intervals import Estimate


def spread(found: Estimate | None, axis: str = "accuracy") -> str:
    """Return a mean with its interval over seeds: "93.1 % (91.0 % to 95.2 %)", if they differ."""
    if found is None or math.isnan(found.value):
        return "–"
    value, low, high = map(AXES[axis].written, (found.value, found.low, found.high))
    if math.isnan(found.low):
        return value
    # A width of 0 is no certainty: so few seeds happened to agree, or the seed changes nothing.
    is_equal = found.low == found.high
    return f"{value} (all seeds)" if is_equal else f"{value} ({low} to {high})"


def ends(found: Estimate | None, axis: str = "accuracy") -> str:
    """Return an interval: "91.0 % to 95.2 %"."""
    if found is None or not found.n or math.isnan(found.low):
        return "–"
    return f"{AXES[axis].written(found.low)} to {AXES[axis].written(found.high)}"


def mean(found: Spread, axis: str = "accuracy") -> str:
    """Return a mean over seeds alone: "93.1 %"."""
    known = found.over_seeds.get(axis)
    return "unknown" if known is None else AXES[axis].written(known.value)


def seeds_said(seeds: Sequence[int]) -> str:
    """Return what the intervals are of."""
    if len(seeds) == 1:
        return (
            "One seed: there is no interval over seeds. The intervals are of the examples alone "
            "(Wilson); name more seeds to see what another training would give."
        )
    return (
        f"Intervals over seeds (Student, {len(seeds)} seeds) say what another training on these "
        "examples would give, those of the examples (Wilson) what others of them would; neither "
        "holds the other."
    )


def measured_said(
    measures: Measures, kind: InputKind, spreads: Iterable[Spread]
) -> Mapping[str, str]:
    """Return of each axis that was asked for how it was measured, and of how many examples."""
    counts = {name: one.n for found in spreads for name, one in found.of_examples.items()}
    said = {}
    if measures.epsilon is not None and "robustness" in counts:
        preset = KNOWN_PRESETS[measures.preset or USUAL_PRESETS[kind]].title
        label = epsilon_label(measures.epsilon, "words" if kind == "text" else "linf")
        said["robustness"] = f"{preset}, ε = {label}, n = {counts['robustness']}"
    if measures.explanation is not None and "faithfulness" in counts:
        method = EXPLAINERS[measures.explanation].title
        said["faithfulness"] = f"{method}, n = {counts['faithfulness']}"
    return said


def refusals(places: Iterable[tuple[str, Spread]]) -> tuple[str, ...]:
    """Return which trainings have no answer, and why; each place comes with its spread."""
    return tuple(
        f"{place}, seed {seed} has no answer: {why}"
        for place, found in places
        for seed, why in found.refused.items()
    )
