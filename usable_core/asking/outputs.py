"""What a model's answers must be before anything is computed from them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.errors import OutputsRefused
from usable_core.metrics.arrays import Masks

PROBABILITIES_WARNING = (
    "The model's outputs look like probabilities, not logits: softmax is then applied twice, "
    "which distorts confidence and starves gradient attacks. Remove the model's last softmax."
)


def check_logits(logits: Tensor) -> None:
    """Check that outputs (N, classes) are those of a classifier; −inf rules a class out.

    Raises:
        OutputsRefused: fewer than two classes, or values that are not numbers or overflow.
    """
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise OutputsRefused(
            f"A classifier gives one number for each of 2 or more classes, but this model gives "
            f"{tuple(logits.shape[1:])} per image. Choose a classifier."
        )
    if torch.isfinite(logits.detach().sum()):  # one small sum: attacks ask this at every step
        return
    is_bad = torch.isnan(logits) | (logits == torch.inf)
    if is_bad.any():
        raise OutputsRefused(
            f"The model should answer with finite numbers, but gives NaN or infinity for "
            f"{int(is_bad.any(1).sum())} of {len(logits)} images. Its weights are damaged or do "
            "not fit: check them, or choose another model."
        )


def are_probabilities(outputs: Tensor) -> bool:
    """Tell whether outputs (N, classes) look like the result of a softmax."""
    return bool(look_like_probabilities(outputs.float().cpu().numpy()).all())


def look_like_probabilities(outputs: NDArray[np.floating]) -> Masks:
    """Return which rows of outputs (N, classes) are at least 0 and add up to 1 (N,)."""
    return np.asarray((outputs.min(1) >= 0) & (np.abs(outputs.sum(1) - 1) < 1e-3))
