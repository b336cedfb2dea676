"""Evidence in plain words: what each figure says about trusting a map."""

import math

from usable_core.evaluations.evidence import ALIKE, PerturbationCurve, Sanity

CLEAR = 0.05  # gain from which a map is called better or worse than chance

LARGEST_GAIN = 2  # beyond it the ends are so close that the number says little


def curve_row(curve: PerturbationCurve) -> dict[str, float | str]:
    """Return the areas of a curve, its gain, and what they mean."""
    return {
        "area": round(curve.area, 3),
        "random": round(curve.random_area, 3),
        "centre first": round(curve.centre_area, 3),
        "gain": round(curve.gain, 3),
        "verdict": verdict(curve),
    }


def verdict(curve: PerturbationCurve) -> str:
    """Return whether the map's order is better than chance, and than the picture's centre."""
    if math.isnan(curve.gain):
        return "Nothing changes from end to end, so it cannot be told."
    if curve.gain < -CLEAR:
        return f"Worse than random orders ({_gain(curve.gain)})."
    if curve.gain <= CLEAR:
        return f"No better than random orders ({_gain(curve.gain)})."
    sign = 1 if curve.kind == "insertion" else -1
    if sign * (curve.area - curve.centre_area) > 0:
        return f"Better than random and centre-first orders ({_gain(curve.gain)})."
    return f"Better than random orders ({_gain(curve.gain)}), not than centre first."


NO_ORDER = "One of the two maps has no order, so nothing can be compared."
NO_RANDOM = (
    "Not compared: the weights cannot be randomised, the answers of the randomised network do not "
    "depend on this picture, or one of the two maps has no order."
)


def sanity_words(sanity: Sanity) -> tuple[str, str]:
    """Return what the maps of random weights and of another class mean."""
    learnt = "The map shows the picture more than what the network learnt."
    why = "The map does not tell why this class and not that one."
    return (
        _words("weights", sanity.randomised, sanity.ignores_weights, NO_RANDOM, learnt),
        _words("class", sanity.other_class, sanity.ignores_class, NO_ORDER, why),
    )


def plain(words: str) -> str:
    """Return a badge's words without the signs that colour it."""
    return words.replace(":orange-badge[", "").replace(":green-badge[", "").replace("]", ".", 1)


def _words(what: str, correlation: float, is_flagged: bool, unknown: str, meaning: str) -> str:
    if math.isnan(correlation):
        return unknown
    bad = f":orange-badge[hardly depends on the {what}] {meaning}"
    badge = bad if is_flagged else f":green-badge[depends on the {what}]"
    return f"{badge} Rank correlation with this map {_number(correlation)}; alike from {ALIKE} on."


def _gain(value: float) -> str:
    if abs(value) > LARGEST_GAIN:
        return f"gain beyond ±{LARGEST_GAIN}, for both ends are nearly alike"
    return f"gain {_number(value)}"


def _number(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
