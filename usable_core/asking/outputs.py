"""What a model's answers must be before anything is computed from them."""

import torch
from torch import Tensor

from usable_core.errors import OutputsRefused


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
