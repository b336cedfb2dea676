"""A map that comes soon and gets better: maps of one image with more and more evaluations."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from usable_core.catalog import implementation, lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import COARSE_EVALUATIONS
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.masking import Known
from usable_core.models.model import Model, check_pixels

_WORTH = 2  # a coarse map is worth its time when the full one takes at least as many times as long


def refined(
    model: Model,
    x: Tensor,
    target: int,
    method: str,
    options: ExplainerOptions,
    *,
    segments: NDArray[np.int32] | None = None,
    report: Report = silent,
    known: Known | None = None,
) -> Iterator[Attribution]:
    """Yield maps of more and more evaluations; the last is stable, or has them all.

    Methods that keep what they asked (`ExplainerRow.is_anytime`) double from 64; the others give a
    coarse map and the full one.

    Args:
        model: Pixels to logits.
        x: Image (3, H, W) in [0, 1] as the model sees it.
        target: Index of the class explained.
        method: A key of `catalog.explainers.EXPLAINERS`.
        options: How the map is made; `tolerance` says when it is stable.
        segments: Superpixels (H, W) from 0; None lets the method find its own.
        report: Told the progress; raises `Cancelled`.
        known: The model's answers from before, and room for more.

    Raises:
        UnknownName: no such method.
        ImageRefused: the image is of another shape, or not in [0, 1].
        ExplanationError: as the method says.
    """
    row = lookup(EXPLAINERS, "explanation method", method)
    function = implementation(row.function)
    x = check_pixels(x[None])[0]
    known = {} if known is None else known
    spent = 0.0
    for evaluations in steps(options.evaluations, is_anytime=row.is_anytime):
        found: Attribution = function(
            model,
            x,
            target,
            replace(options, evaluations=evaluations),
            segments=segments,
            report=report,
            known=known,
        )
        spent += found.seconds
        found = replace(found, seconds=spent)
        yield found
        if found.stability is not None and options.tolerance and found.stability.is_stable:
            return


def steps(evaluations: int, *, is_anytime: bool) -> tuple[int, ...]:
    """Return how many evaluations each map has, the last all of them."""
    found = []
    size = COARSE_EVALUATIONS
    while size * _WORTH <= evaluations:
        found.append(size)
        size = size * 2 if is_anytime else evaluations
    return (*found, evaluations)
