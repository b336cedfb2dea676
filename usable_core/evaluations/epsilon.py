"""Budgets ε as people write them: one reader for page, command line and Python, and one writer.

The same text is the same question wherever it is typed.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from usable_core.errors import ConfigError
from usable_core.evaluations.specs import Norm

NORM_TITLES: dict[Norm, str] = {"linf": "L∞", "l2": "L2", "l1": "L1", "words": "share of words"}
PIXEL_NORMS: tuple[Norm, ...] = ("linf", "l2", "l1")
_ROUNDING = 1e-9  # 0.29 · 100 is 28.999999999999996


def number(text: str, name: str = "epsilon") -> float:
    """Return the number that `0.03`, `8/255`, `0.25/255` or `10%` means.

    Args:
        text: A number, a fraction or a percentage.
        name: The setting, for the error.

    Raises:
        ConfigError: the text is neither.
    """
    above, has_fraction, below = text.strip().removesuffix("%").partition("/")
    whole = 100 if text.strip().endswith("%") else 1
    try:
        return float(above) / (float(below) if has_fraction else 1) / whole
    except (ValueError, ZeroDivisionError):
        raise ConfigError(
            f"{name} must be a number or a fraction such as 4/255, but is {text!r}. Change it."
        ) from None


def grid(epsilons: str | Iterable[float]) -> tuple[float, ...]:
    """Return increasing budgets, each once and 0 (the clean accuracy) always among them.

    Args:
        epsilons: Numbers, or a text such as `1/255, 4/255`, `1/255 4/255` or `5 %, 10 %`.

    Raises:
        ConfigError: there is none, or a part of the text is no number.
    """
    if isinstance(epsilons, str):
        words = epsilons.replace(",", " ").replace(" %", "%").split()
        epsilons = [number(word) for word in words]
    budgets = set(epsilons)
    if not budgets:
        raise ConfigError("epsilons must hold at least one number, such as 1/255,4/255,8/255.")
    return tuple(sorted(budgets | {0.0}))


def epsilon_label(epsilon: float, norm: Norm = "linf") -> str:
    """Return a budget as it is written: `4/255` in Linf, `10 %` of words; else the number."""
    if norm == "words":
        return f"{100 * epsilon:.3g} %"
    levels = epsilon * 255
    if norm == "linf" and epsilon > 0 and abs(levels * 8 - round(levels * 8)) < 1e-6:
        return f"{round(levels * 8) / 8:g}/255"
    return f"{epsilon:.3g}"


def typed(epsilon: float, norm: Norm) -> str:
    """Return text that `grid` reads as just this number: its label, where that is one."""
    label = epsilon_label(epsilon, norm)
    return label if epsilon in grid(label) else repr(epsilon)


def most_words(epsilon: float, words: ArrayLike) -> NDArray[np.int64]:
    """Return how many words of texts of so many may be changed: the share, rounded down.

    So a share means the same for short texts as for long ones, and below 1 / words nothing.
    """
    return np.floor(epsilon * np.asarray(words) + _ROUNDING).astype(np.int64)
