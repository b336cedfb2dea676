"""Every reason to doubt a map, with its limit: the only list of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from usable_core.evaluations.evidence import ALIKE


@dataclass(frozen=True)
class Doubt:
    """A reason not to trust a map.

    Attributes:
        figure: Which figure tells.
        is_above: Whether it is a reason from the limit upwards; otherwise down from it.
        limit: The limit.
        name: The reason in two or three words.
        sentence: The reason; `{}` is the figure.
        unbounded: The reason where the figure is infinite.
    """

    figure: str
    is_above: bool
    limit: float
    name: str
    sentence: str
    unbounded: str = ""


LEAST_R2 = 0.5  # below it most of what the model does on the samples is not what the map says
LARGEST_ERROR = 0.5  # above it even the largest value is within two standard errors of 0
LARGEST_GAP = 0.05  # of |f(x) − f(background)|
LEAST_CONVERGENCE = 0.8  # rank correlation with the map of half the evaluations
# The gains come first: what the network itself says of a map.
_CHANCE = "in its order is no better than chance ({:.2f})"
DOUBTS = (
    Doubt("deletion_gain", False, 0.0, "hiding", f"hiding {_CHANCE}"),
    Doubt("insertion_gain", False, 0.0, "showing", f"showing {_CHANCE}"),
    Doubt("randomised", True, ALIKE, "weights", "random weights give nearly the same map ({:.2f})"),
    Doubt("other_class", True, ALIKE, "class", "another class has nearly the same map ({:.2f})"),
    Doubt(
        "error_share",
        True,
        LARGEST_ERROR,
        "error",
        "another seed would give a different map: its Monte Carlo error is {:.2f} of its largest "
        "value",
        "it had too few evaluations to tell its Monte Carlo error",
    ),
    Doubt("r2", False, LEAST_R2, "fit", "its linear model fits badly (R² {:.2f})"),
    Doubt("gap_share", True, LARGEST_GAP, "sum", "its values miss their due sum by {:.2f} of it"),
    Doubt(
        "convergence",
        False,
        LEAST_CONVERGENCE,
        "convergence",
        "half the evaluations ranked the parts differently (rank correlation {:.2f})",
    ),
    Doubt("agreement", False, 0.0, "agreement", "the other methods contradict it ({:.2f})"),
    Doubt(
        "answer_span",
        False,
        1e-6,  # of a probability: float32 rounds to it
        "constant",
        "the answer stays the same whatever is hidden, so there is nothing that a map could show",
    ),
)


def doubts(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return (short name, sentence) of each reason that a map's figures give not to trust it."""
    found = []
    for doubt in DOUBTS:
        value = figures.get(doubt.figure, np.nan)
        if value >= doubt.limit if doubt.is_above else value <= doubt.limit:
            is_unbounded = bool(doubt.unbounded) and np.isinf(value)
            sentence = doubt.unbounded if is_unbounded else doubt.sentence.format(value)
            found.append((doubt.name, sentence))
    return found
