"""Answers about several candidates to `Candidates`."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from usable_core.comparison.axes import Axis, axes_of
from usable_core.comparison.standings import (
    errors_together,
    standing,
    standing_of_estimates,
    variances,
)
from usable_core.evaluations.result import Measured
from usable_core.metrics.arrays import Floats
from usable_core.verdicts.candidates import AxisStanding, Candidates
from usable_core.verdicts.standing import Standing

DIGITS = 10  # that are kept of a covariance: enough to tell models apart on a million examples


def candidates_of(
    answers: Sequence[Mapping[str, Measured]],
    names: Sequence[str],
    *,
    epsilon: float = math.nan,
    decides: str = "accuracy",
) -> Candidates | None:
    """Return several candidates side by side; None where fewer than two can be compared.

    Args:
        answers: Of each candidate, by task.
        names: What to call each.
        epsilon: The budget at which robust accuracy counts; NaN for the mean over all.
        decides: The task that every candidate must have an answer to.
    """
    known = [k for k, of_model in enumerate(answers) if decides in of_model]
    if len(known) < 2:
        return None
    kept = [names[k] for k in known]
    lost = [name for k, name in enumerate(names) if k not in known]
    notes = (
        [f"Not compared, for its {decides} was not measured: {', '.join(lost)}."] if lost else []
    )
    axes, reasons = axes_of([answers[k] for k in known], kept, epsilon)
    return Candidates(
        names=tuple(kept),
        axes=tuple(AxisStanding(axis.name, axis.title, _standing(axis)) for axis in axes),
        covariance=tuple(tuple(float(f"{v:.{DIGITS}g}") for v in row) for row in _covariance(axes)),
        notes=(*notes, *reasons),
        models=tuple(answers[k][decides].provenance.model for k in known),
    )


def _standing(axis: Axis) -> Standing:
    if axis.values is None:
        return standing_of_estimates(axis.own)
    return standing(axis.values, axis.own)


def _covariance(axes: Sequence[Axis]) -> Floats:
    """Return the covariance (A·K, A·K) of all numbers; those of no examples are independent."""
    known = [
        (a.values, a.examples) for a in axes if a.values is not None and a.examples is not None
    ]
    hung = errors_together(known) if known else np.zeros((0, 0))
    alone = [variances(axis.own) for axis in axes if axis.values is None]
    whole = np.diag(np.concatenate([np.diag(hung), *alone]))
    whole[: len(hung), : len(hung)] = hung
    return np.asarray(whole)
