"""Whether the pixels get a gradient at all: without one a map of zeros would be a wrong answer."""

import torch
from torch import Tensor

from usable_core.errors import ExplanationError
from usable_core.explainers.backgrounds import hiding
from usable_core.explainers.scoring import Scorer
from usable_core.explainers.segments import superpixels


def refuse_blocked(change: float, output: float) -> None:
    """Refuse a map of gradients that are all zero, where the output does change.

    Args:
        change: By how much the output changes as the image does.
        output: f(x), in the same units.

    Raises:
        ExplanationError: it changes, so something on the way blocks the gradient.
    """
    if abs(change) > 1e-6 * (1 + abs(output)):
        raise ExplanationError(
            "The model's answer changes with the image, but it passes no gradient to the pixels. "
            "Choose LIME, Kernel SHAP, Partition SHAP or occlusion, which need none."
        )


def refuse_blocked_at(scorer: Scorer, x: Tensor, target: int, output: float) -> None:
    """Refuse gradients that are all zero at x (3, H, W), where blurring x changes the output.

    Raises:
        ExplanationError: as `refuse_blocked`.
    """
    hidden = hiding(x, "blur", superpixels(x, 2), device=scorer.device).hidden
    ((_, logits),) = scorer.logits(1, lambda part: torch.stack([hidden])[part])
    refuse_blocked(float(logits[0, target]) - output, output)
