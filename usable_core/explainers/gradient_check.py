"""Whether the pixels get a gradient at all: without one a map of zeros would be a wrong answer."""

from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.errors import ExplanationError
from usable_core.games.game import finite
from usable_core.games.pictures import Picture


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


def refuse_blocked_at(oracle: Oracle, picture: Picture, target: int, output: float) -> None:
    """Refuse gradients that are all zero at a picture, where blurring it changes the output.

    Raises:
        ExplanationError: as `refuse_blocked`.
    """
    hidden = picture.hiding("blur", oracle.device).hidden
    refuse_blocked(float(oracle.logits(hidden[None])[0, target]) - output, output)


def finite_output(logit: Tensor) -> float:
    """Return a logit as a number.

    Raises:
        ExplanationError: it is −infinity: the model rules the class out.
    """
    return float(finite(logit.detach().cpu().numpy()))
