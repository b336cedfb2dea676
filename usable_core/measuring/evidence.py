"""The evidence beside one map: whether its order is the model's, and what it depends on."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.evidence import Evidence, PerturbationCurve
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.faithfulness import (
    BOTH_BACKGROUNDS_AND_ROAD,
    Answers,
    Question,
    known_of,
    perturbation_curves,
    planned_evaluations,
)
from usable_core.explainers.sanity import check_sanity, randomised
from usable_core.explainers.scoring import Scorer
from usable_core.metrics.attribution import superpixel_credits
from usable_core.models.model import Model

Maps = dict[str, NDArray[np.float32]]


def evidence(
    model: Model,
    x: Tensor,
    target: int,
    found: Attribution,
    options: ExplainerOptions,
    *,
    segments: NDArray[np.int32],
    report: Report = silent,
    answers: Answers | None = None,
) -> tuple[Evidence, Maps]:
    """Return how far a map is to be trusted, and the maps that it was compared with.

    Args:
        model: Pixels to logits, as it made the map.
        x: Image (3, H, W) in [0, 1].
        target: Index of the class explained.
        found: The map, by a method of `catalog.explainers.EXPLAINERS`.
        options: How it was made; the maps beside it are made in the same way.
        segments: Superpixels (H, W) from 0, the same for all maps of this image.
        report: Told the progress; raises `Cancelled`.
        answers: What the model said before to this image with superpixels hidden, by background,
            to which the new answers are added. Passed on from map to map of one (image, model,
            segments), it saves the evaluations that maps have in common; the `known` of a map
            itself is `known_of(answers, options)`.

    Returns:
        The evidence, and the maps (H, W) `randomised` and `other_class`; the first is missing
        where the weights cannot be randomised.

    Raises:
        ExplanationError: the model answers with NaN or infinity.
        Cancelled: through `report`; what is known by then stays in `answers`.
    """
    started = time.perf_counter()
    answers = {} if answers is None else answers
    planned = planned_evaluations(BOTH_BACKGROUNDS_AND_ROAD)
    stages = _Stages(report, (planned, options.evaluations, options.evaluations))
    random = randomised(model, x, segments, seed=options.seed)
    with _counted(model.network) as shown:
        curves = faithfulness(
            model, x, target, found, options, segments=segments, report=stages, answers=answers
        )
        sanity, maps, spent = check_sanity(
            model,
            random,
            x,
            target,
            found,
            options,
            segments=segments,
            report=stages,
            known=known_of(answers, options),
        )
    return Evidence(curves, sanity, sum(shown) + spent, time.perf_counter() - started), maps


def faithfulness(
    model: Model,
    x: Tensor,
    target: int,
    found: Attribution,
    options: ExplainerOptions,
    *,
    segments: NDArray[np.int32],
    questions: Sequence[Question] = BOTH_BACKGROUNDS_AND_ROAD,
    report: Report = silent,
    answers: Answers | None = None,
) -> tuple[PerturbationCurve, ...]:
    """Return the deletion, insertion and ROAD curves of a map that `questions` ask for.

    The other arguments are those of `evidence`.
    """
    row = lookup(EXPLAINERS, "explanation method", found.method)
    scorer = Scorer(model, planned_evaluations(questions), report)
    credits = superpixel_credits(found.values, segments, not row.uses_superpixels)
    return perturbation_curves(
        scorer,
        x,
        target,
        credits,
        segments,
        is_signed=row.is_signed,
        questions=questions,
        seed=options.seed,
        answers=answers,
    )


@contextmanager
def _counted(network: nn.Module) -> Iterator[list[int]]:
    """Yield a list that grows by the number of images of each pass through a network."""
    seen: list[int] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(len(inputs[0]))

    handle = network.register_forward_pre_hook(note)
    try:
        yield seen
    finally:
        handle.remove()


class _Stages:
    """A report over several pieces of work, each of which counts from nothing."""

    def __init__(self, report: Report, planned: Sequence[int]) -> None:
        self._report, self._planned = report, planned
        self._stage, self._last = 0, 0

    def __call__(self, done: int, total: int, message: str, **metrics: float) -> None:
        if done < self._last and self._stage + 1 < len(self._planned):
            self._stage += 1
        self._last = done
        share = min(1.0, done / max(total, 1)) * self._planned[self._stage]
        before = sum(self._planned[: self._stage])
        self._report(int(before + share), sum(self._planned), "Gathering evidence", **metrics)
