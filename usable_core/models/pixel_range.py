"""Which pixels a network takes that prepares them itself, told by its first steps.

A network that begins by dividing by 255 takes bytes as floats; one that subtracts a mean of 0.45,
pixels from 0 to 1. A wrong range gives wrong numbers without a sign of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Three = tuple[float, float, float]

_SMALL = 1 / 16  # of a step for each unit: bytes are divided, pixels from 0 to 1 are not
_MOVED = 0.02  # of a zero that is elsewhere now


@dataclass(frozen=True)
class PixelRange:
    """How pixels from 0 to 1 become what a network takes.

    Attributes:
        title: Its words, `0 to 255`.
        mean: Subtracted from pixels in [0, 1].
        std: By which they are divided then.
    """

    title: str
    mean: Three
    std: Three


BYTES = PixelRange("0 to 255", (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
UNIT = PixelRange("0 to 1", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
SIGNED = PixelRange("-1 to 1", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def taken_range(begin: Callable[[float], Tensor]) -> PixelRange | None:
    """Return the range that the first steps of a network expect; None where they do not tell.

    Args:
        begin: What these steps make of pictures that are one number everywhere.
    """
    zero, one = (float(begin(value).double().mean()) for value in (0.0, 1.0))
    step = one - zero
    if not abs(step) > 0:
        return None
    middle = -zero / step  # becomes 0
    if middle > 1 or abs(step) < _SMALL:
        return BYTES
    if middle < -_MOVED:
        return SIGNED
    return UNIT if middle > _MOVED or abs(step) > 1 / _SMALL else None
