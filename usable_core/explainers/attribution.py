"""`Attribution`: how much each pixel spoke for a class, and how far that is to be believed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from usable_core.errors import ExplanationError
from usable_core.evaluations.evidence import Stability

Unit = Literal["probability", "logit"]


@dataclass(frozen=True)
class Attribution:
    """One map. A map of zeros is an answer: no evidence was found.

    What a method has no figure for is None.

    Attributes:
        method: Key of `catalog.explainers.EXPLAINERS`.
        values: Credit of each pixel (H, W) float32, in units of `unit`, colour channels summed.
            LIME and Kernel SHAP give every pixel the value of its superpixel.
        target: Index of the class explained.
        output: f(x): the model's output for that class.
        evaluations: Forward passes of single images (each with its gradient, where one is used).
        seconds: Wall time.
        base: f(background), to which additive methods add their credits.
        r2: Weighted local R² of LIME's linear model; NaN where the output never changed. A low
            value means: do not read this map.
        effective_samples: (sum of weights)² / sum of squared weights of LIME's samples.
        additivity_gap: |sum of values + base − f(x)|.
        convergence: Rank correlation, on superpixels, with the map of half the evaluations.
        stability: Monte Carlo error of each superpixel's credit, for methods that draw at random.
        segments: Superpixel of each pixel (H, W) int32, where the method credits superpixels.
        unit: What f is: LIME explains the softmax probability, as its authors do; the other methods
            explain the logit, for saturated probabilities give empty maps.
        precision: Number format of the forward passes.
    """

    method: str
    values: NDArray[np.float32]
    target: int
    output: float
    evaluations: int
    seconds: float
    base: float | None = None
    r2: float | None = None
    effective_samples: float | None = None
    additivity_gap: float | None = None
    convergence: float | None = None
    stability: Stability | None = None
    segments: NDArray[np.int32] | None = None
    unit: Unit = "logit"
    precision: str = "float32"

    def __post_init__(self) -> None:
        if not np.isfinite(self.values).all():
            raise ExplanationError(
                "The explanation should be finite numbers, but some are not. The model's gradients "
                "or outputs overflow on this image; choose another method or model."
            )
