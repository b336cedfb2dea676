"""What must hold before an attack begins."""

import math

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
