"""`Attribution`: how much each pixel spoke for a class, and how far that is to be believed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from usable_core.errors import ExplanationError

Unit = Literal["probability", "logit"]


@dataclass(frozen=True)
class Attribution:
    """One map. A map of zeros is an answer: no evidence was found.

    Attributes:
        method: Key of `catalog.explainers.EXPLAINERS`.
        values: Credit of each pixel (H, W) float32, in units of `unit`, colour channels summed.
            LIME gives every pixel the weight of its superpixel.
        target: Index of the class explained.
        output: f(x): the model's output for that class.
        base: f(background), to which additive methods add their credits; None for LIME.
        r2: Weighted local R² of LIME's linear model; NaN where the output never changed. A low
            value means: do not read this map.
        additivity_gap: |sum of values + base − f(x)|; None for LIME.
        evaluations: Forward passes of single images (each with its gradient, where one is used).
        seconds: Wall time.
        segments: Superpixel of each pixel (H, W) int32, where the method credits superpixels.
        unit: What f is: LIME explains the softmax probability, as its authors do; the SHAP methods
            explain the logit, for saturated probabilities give empty maps.
    """

    method: str
    values: NDArray[np.float32]
    target: int
    output: float
    base: float | None
    r2: float | None
    additivity_gap: float | None
    evaluations: int
    seconds: float
    segments: NDArray[np.int32] | None = None
    unit: Unit = "logit"

    def __post_init__(self) -> None:
        if not np.isfinite(self.values).all():
            raise ExplanationError(
                "The explanation should be finite numbers, but some are not. The model's gradients "
                "or outputs overflow on this image; choose another method or model."
            )
