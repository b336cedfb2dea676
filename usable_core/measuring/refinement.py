"""A map that comes soon and gets better: maps of one image with more and more evaluations."""

import time
from collections.abc import Iterator
from dataclasses import replace

from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import COARSE_EVALUATIONS
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import attribute
from usable_core.measuring.instances import Instance

_WORTH = 2  # a coarse map is worth its time when the full one takes at least as many times as long


class Refinement(Iterator[Explanation]):
    """Explanations of more and more evaluations; the last is stable, or has them all.

    Methods that keep what they asked (`ExplainerRow.is_anytime`) double from 64; the others give a
    coarse map and the full one. A step that its report interrupts is taken up again by the next
    call; what the model answered by then is remembered by the instance.

    Attributes:
        report: Told the progress of a step; may raise. It may be another one for each step.
        best: The last map; None before the first.
    """

    def __init__(
        self, instance: Instance, method: str, target: int, options: ExplainerOptions
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            instance: The image on its superpixels.
            method: A key of `catalog.explainers.EXPLAINERS`.
            target: Index of the class explained.
            options: How the map is made; `tolerance` says when it is stable.

        Raises:
            UnknownName: no such method.
        """
        row = lookup(EXPLAINERS, "explanation method", method)
        self._left = list(steps(options.evaluations, is_anytime=row.is_anytime))
        self._instance, self._method, self._target = instance, method, target
        self._options, self._seconds = options, 0.0
        self.report: Report = silent
        self.best: Explanation | None = None

    def __next__(self) -> Explanation:
        if not self._left:
            raise StopIteration
        options = replace(self._options, evaluations=self._left[0])
        instance, started = self._instance, time.perf_counter()
        try:
            found = attribute(
                instance.model, instance.picture, self._method, self._target, options, self.report
            )
        finally:
            self._seconds += time.perf_counter() - started
        is_stable = found.stability is not None and found.stability.is_stable
        self._left = [] if is_stable and options.tolerance else self._left[1:]
        found = replace(found, seconds=self._seconds)
        self.best = instance.explained(self._method, self._target, found)
        return self.best


def explain(
    instance: Instance, method: str, target: int, options: ExplainerOptions, report: Report = silent
) -> Explanation:
    """Return the map of one image by the method of that name.

    Arguments are those of `Refinement`, errors those of `attribute`. With a `tolerance` the map has
    only the evaluations that it needs.
    """
    if options.tolerance > 0:  # as many evaluations as it takes
        refinement = Refinement(instance, method, target, options)
        refinement.report = report
        *_, found = refinement
        return found
    whole = attribute(instance.model, instance.picture, method, target, options, report)
    return instance.explained(method, target, whole)


def steps(evaluations: int, *, is_anytime: bool) -> tuple[int, ...]:
    """Return how many evaluations each map has, the last all of them."""
    found = []
    size = COARSE_EVALUATIONS
    while size * _WORTH <= evaluations:
        found.append(size)
        size = size * 2 if is_anytime else evaluations
    return (*found, evaluations)
