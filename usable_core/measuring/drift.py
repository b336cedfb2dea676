"""How a map moves along an image's own adversarial path, beyond what chance moves it.

Two maps of the same image from different seeds differ too: that is Monte Carlo noise. Maps under
attack are drawn from another seed than the clean one, so that they hold as much of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from numpy import float64, int32
from numpy.typing import NDArray
from torch import Tensor

from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.comparison.maps import credits_of
from usable_core.evaluations.evidence import Drift
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.masking import Known
from usable_core.measuring.explanation import explain
from usable_core.measuring.fragility import AdversarialPath
from usable_core.metrics.attribution import rank_correlation, top_overlap
from usable_core.models.model import Model

TOP = 5  # superpixels that a reader of a map looks at


def drifting(
    model: Model,
    path: AdversarialPath,
    target: int,
    method: str,
    options: ExplainerOptions,
    *,
    segments: NDArray[int32],
    report: Report = silent,
    known: Known | None = None,
    maps: list[Attribution] | None = None,
) -> Iterator[Drift]:
    """Yield the drift up to each budget of a path, 0 first, as soon as its map is made.

    All maps explain the same class on the same superpixels with the same options but for the seed.

    Args:
        model: Pixels to logits, as it made the path.
        path: The image's own adversarial path, see `fragility.adversarial_path`.
        target: Index of the class explained.
        method: A key of `catalog.explainers.EXPLAINERS`.
        options: How the maps are made; all their evaluations are spent.
        segments: Superpixels (H, W) from 0 without holes.
        report: Told the progress over all maps; raises `Cancelled`.
        known: The model's answers to the clean image, and room for more.
        maps: Maps made by an earlier call that was interrupted: the clean one, its repetition, and
            one for each budget above 0. New ones are added.

    Raises:
        ExplanationError: as the method says.
        Cancelled: through `report`.
    """
    row = lookup(EXPLAINERS, "explanation method", method)
    maps = [] if maps is None else maps
    budgets = len(path.images)
    clean = replace(options, tolerance=0.0)
    again = replace(clean, seed=clean.seed + 1)
    for place in range(1 + budgets):  # the clean map, its repetition, the budgets above 0
        if place == len(maps):
            progress = _Progress(report, place, 1 + budgets)
            maps.append(
                maps[0]
                if place == 1 and not row.is_random
                else explain(
                    model,
                    _at(path, place),
                    target,
                    method,
                    clean if place == 0 else again,
                    segments=segments,
                    report=progress,
                    known=known if place <= 1 else None,
                )
            )
        if place > 0:
            credits = [credits_of(method, one.values, segments) for one in maps[: place + 1]]
            yield _drift(path, maps[: place + 1], credits)


def _at(path: AdversarialPath, place: int) -> Tensor:
    return path.images[max(0, place - 1)]


def _drift(
    path: AdversarialPath, maps: Sequence[Attribution], credits: Sequence[NDArray[float64]]
) -> Drift:
    """Return the similarities of the maps (1 + K) with the first of them."""
    found, count = path.fragility, len(maps) - 1
    made = [one for place, one in enumerate(maps) if place == 0 or one is not maps[0]]
    return Drift(
        epsilons=found.epsilons[:count],
        rank_correlation=tuple(rank_correlation(credits[0], other) for other in credits[1:]),
        top_overlap=tuple(top_overlap(credits[0], other, count=TOP) for other in credits[1:]),
        is_kept=found.is_kept[:count],
        confidences=found.confidences[:count],
        evaluations=sum(one.evaluations for one in made),
        seconds=sum(one.seconds for one in made),
    )


class _Progress:
    """A report over several maps, of which one is under way."""

    def __init__(self, report: Report, over: int, maps: int) -> None:
        self._report, self._over, self._maps = report, over, maps

    def __call__(self, done: int, total: int, message: str, **metrics: float) -> None:
        total = max(total, 1)
        self._report(
            self._over * total + done, self._maps * total, "Explaining along the attack", **metrics
        )
