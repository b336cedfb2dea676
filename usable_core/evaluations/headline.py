"""One line that says what a result found, for `repr`."""

import math
from collections.abc import Mapping

from usable_core.evaluations.result import Measured
from usable_core.metrics.intervals import Estimate, Proportion


def headline(result: Measured, numbers: Mapping[str, Proportion | Estimate]) -> str:
    """Return "AccuracyResult(bundled/vgg on digits (test): accuracy 0.91 (0.89 to 0.93), n = 360)".

    Args:
        result: Says model, data and number of examples.
        numbers: What each headline number is called.
    """
    about = result.provenance
    shown = [f"{name} {_with_interval(number)}" for name, number in numbers.items()]
    return (
        f"{type(result).__name__}({about.model} on {about.dataset} ({about.split}): "
        f"{', '.join([*shown, f'n = {result.n}'])})"
    )


def _with_interval(number: Proportion | Estimate) -> str:
    if math.isnan(number.low):
        return f"{number.value:.3f}"
    return f"{number.value:.3f} ({number.low:.3f} to {number.high:.3f})"
