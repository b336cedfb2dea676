"""`Attribution`: how much each part of an input spoke for a class; `attribute` asks a method."""

import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from usable_core.asking.oracle import Oracle
from usable_core.catalog import implementation, lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import ExplanationError
from usable_core.evaluations.evidence import Stability
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.games.game import Budget, Logits
from usable_core.games.pictures import Picture
from usable_core.games.words import Text
from usable_core.metrics.arrays import Floats, Values
from usable_core.models.model import Model

Unit = Literal["probability", "logit"]


@dataclass(frozen=True)
class Attribution:
    """What a method returns. Values of zeros are an answer: no evidence was found.

    What a method has no figure for is None. Figures are those of `Explanation`, with some more to
    say of them.

    Attributes:
        values: Credit of each place of the input, (H, W) float32 of a picture, in units of `unit`,
            colour channels summed. LIME and Kernel SHAP give every pixel the value of its
            superpixel.
        r2: NaN where the output never changed. A low value means: do not read this map.
        effective_samples: (sum of weights)² / sum of squared weights of LIME's samples.
        unit: LIME explains the softmax probability, as its authors do; the other methods explain
            the logit, for saturated probabilities give empty maps.
        evaluations: Each with its gradient, where one is used, remembered ones among them; this
            and what follows is noted by `attribute`.
        passes: Those that were not remembered.
    """

    values: Values
    output: float
    base: float | None = None
    r2: float | None = None
    effective_samples: float | None = None
    additivity_gap: float | None = None
    convergence: float | None = None
    stability: Stability | None = None
    unit: Unit = "logit"
    evaluations: int = 0
    passes: int = 0
    seconds: float = 0.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        if not np.isfinite(self.values).all():
            raise ExplanationError(
                "The explanation should be finite numbers, but some are not. The model's gradients "
                "or outputs overflow on this image; choose another method or model."
            )


def attribute(
    model: Model,
    picture: Picture | Text,
    method: str,
    target: int,
    options: ExplainerOptions,
    report: Report = silent,
) -> Attribution:
    """Return what a method says of a class, with what that took.

    Args:
        model: Pixels to logits.
        picture: As the model sees it; remembers the answers that games need.
        method: A key of `catalog.explainers.EXPLAINERS`.
        target: Index of the class explained.
        options: How it is done; all `evaluations` are spent, whatever the tolerance, but for
            gradient SHAP.
        report: Told the progress; raises `Cancelled`.

    Raises:
        UnknownName: no such method.
        OutputsRefused: the model's outputs are not those of a classifier.
        ExplanationError: the method has no answer for this model, or no word is shown.
        NoGradients: the method follows gradients, and the model has none.
        Cancelled: through `report`.
    """
    started = time.perf_counter()
    row = lookup(EXPLAINERS, "explanation method", method)
    function = implementation(row.function)
    budget = Budget(row.most_evaluations or options.evaluations, report)
    if isinstance(picture, Text):
        if row.of_texts is None:
            known = [one.title for one in EXPLAINERS.values() if one.of_texts]
            raise ExplanationError(
                f"{row.title} is a method for pictures. Of a text choose {', '.join(known)}."
            )
        if not picture.spans:
            raise ExplanationError("Every word of the text is hidden. Show one to explain it.")
        function = implementation(row.of_texts)
    if row.needs_gradients:
        blind = [one.title for one in EXPLAINERS.values() if not one.needs_gradients]
        model.require_gradients(row.title, f"Choose {', '.join(blind[:-1])} or {blind[-1]}.")
        oracle = Oracle(model, on_pass=budget)
        with oracle:
            found: Attribution = function(oracle, picture, target, options)
    else:
        oracle = Oracle(model, precision=options.precision)
        game = picture.game(oracle, options.background, budget, precision=options.precision)
        with oracle:
            found = function(game, target, options)
    evaluations = found.evaluations or budget.spent
    budget.end()
    return replace(
        found,
        evaluations=evaluations,
        passes=oracle.passes.forward,
        seconds=time.perf_counter() - started,
        precision=oracle.precision,
    )


def of_class(logits: Logits, target: int, unit: Unit) -> Floats:
    """Return a class's logit or softmax probability (N,) from logits (N, classes)."""
    exact = logits.astype(np.float64)
    if unit == "probability":
        exact = np.exp(exact - exact.max(1, keepdims=True))
        exact /= exact.sum(1, keepdims=True)
    return np.asarray(exact[:, target])
