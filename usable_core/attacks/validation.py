"""What must hold before an attack is believed (Carlini et al. 2019, arXiv:1902.06705)."""

import math

import torch
from torch import Tensor

from usable_core.attacks.norms import largest_budget
from usable_core.errors import AttackError
from usable_core.evaluations.specs import Norm


def check_budget(epsilon: float, norm: Norm, shape: tuple[int, ...]) -> None:
    """Check that epsilon is a budget for images of `shape` (3, H, W).

    Raises:
        AttackError: it is negative, not finite, or larger than any perturbation can be.
    """
    largest = largest_budget(norm, shape)
    if not (math.isfinite(epsilon) and 0 <= epsilon <= largest):
        raise AttackError(
            f"epsilon must be between 0 and {largest:g} for the norm {norm} at {shape[-2]} x "
            f"{shape[-1]} pixels in [0, 1], but is {epsilon!r}. One grey level is 1/255."
        )


def check_logits(logits: Tensor) -> None:
    """Check that outputs (N, classes) can be attacked and ranked.

    Raises:
        AttackError: fewer than two classes, or values that are not numbers or overflow.
    """
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise AttackError(
            f"A classifier gives one number for each of 2 or more classes, but this model gives "
            f"{tuple(logits.shape[1:])} per image. Choose a classifier."
        )
    if torch.isfinite(logits.detach().sum()):  # one small sum: attacks ask this at every step
        return
    is_bad = torch.isnan(logits) | (logits == torch.inf)
    if is_bad.any():
        raise AttackError(
            f"The model gives outputs that are not finite numbers for {int(is_bad.any(1).sum())} "
            f"of {len(logits)} images. Its weights are damaged or do not fit."
        )


def are_probabilities(outputs: Tensor) -> bool:
    """Tell whether outputs (N, classes) look like the result of a softmax."""
    outputs = outputs.float()
    in_range = bool((outputs >= 0).all() and (outputs <= 1).all())
    return in_range and bool(((outputs.sum(1) - 1).abs() < 1e-3).all())


PROBABILITIES_WARNING = (
    "The model's outputs look like probabilities, not logits: softmax is then applied twice, "
    "which distorts confidence and starves gradient attacks. Remove the model's last softmax."
)
