"""Usable: is this pretrained image model fit for use? `import usable_core as usable`.

The import is light: what is asked for is imported when it is asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from usable_core.api import (
        Explanation,
        calibrate,
        compare,
        evaluate_accuracy,
        evaluate_corruption,
        evaluate_explanation,
        evaluate_robustness,
        explain,
        fine_tune,
        load_dataset,
        load_model,
    )

__all__ = [
    "Explanation",
    "calibrate",
    "compare",
    "evaluate_accuracy",
    "evaluate_corruption",
    "evaluate_explanation",
    "evaluate_robustness",
    "explain",
    "fine_tune",
    "load_dataset",
    "load_model",
]


def __getattr__(name: str) -> object:
    """Return a name of `__all__`, importing it now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from usable_core import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted(__all__)
