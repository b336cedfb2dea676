"""Budgets ε as people write them: one reader for page, command line and Python, and one writer.

The same text is the same question wherever it is typed.
"""

from collections.abc import Iterable

from usable_core.errors import ConfigError
from usable_core.evaluations.specs import Norm

NORM_TITLES: dict[Norm, str] = {"linf": "L∞", "l2": "L2", "l1": "L1"}


def number(text: str, name: str = "epsilon") -> float:
    """Return the number that `0.03`, `8/255` or `0.25/255` means.

    Args:
        text: A number or a fraction.
        name: The setting, for the error.

    Raises:
        ConfigError: the text is neither.
    """
    above, has_fraction, below = text.partition("/")
    try:
        return float(above) / (float(below) if has_fraction else 1)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(
            f"{name} must be a number or a fraction such as 4/255, but is {text!r}. Change it."
        ) from None


def grid(epsilons: str | Iterable[float]) -> tuple[float, ...]:
    """Return increasing budgets, each once and 0 (the clean accuracy) always among them.

    Args:
        epsilons: Numbers, or a text such as `1/255, 4/255` or `1/255 4/255`.

    Raises:
        ConfigError: there is none, or a part of the text is no number.
    """
    if isinstance(epsilons, str):
        epsilons = [number(word) for word in epsilons.replace(",", " ").split()]
    budgets = set(epsilons)
    if not budgets:
        raise ConfigError("epsilons must hold at least one number, such as 1/255,4/255,8/255.")
    return tuple(sorted(budgets | {0.0}))


def epsilon_label(epsilon: float, norm: Norm = "linf") -> str:
    """Return a budget as it is written: `4/255` in Linf, where it is one; else the number."""
    levels = epsilon * 255
    if norm == "linf" and epsilon > 0 and abs(levels * 8 - round(levels * 8)) < 1e-6:
        return f"{round(levels * 8) / 8:g}/255"
    return f"{epsilon:.3g}"
