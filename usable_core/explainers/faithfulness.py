"""What happens to the target's probability as superpixels are hidden or shown in a map's order.

A map that found what the model looks at makes it fall faster, or rise faster, than random orders of
the same superpixels do on this very network, and than the order from the centre outwards.
Reference: Petsiuk et al. 2018, arXiv:1806.07421; Rong et al. 2022, arXiv:2202.00449 (ROAD).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.evaluations.evidence import PerturbationCurve
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.backgrounds import hiding
from usable_core.explainers.masking import Known, Masked
from usable_core.explainers.scoring import Scorer, of_class
from usable_core.metrics.faithfulness import (
    STEPS,
    Floats,
    Order,
    centre_order,
    changed,
    credit_order,
    cuts,
    random_orders,
    read_at,
)

# The model's answers to an image with superpixels hidden, by background: shared by all maps of one
# image, model and superpixels, whatever their methods and targets.
Answers = dict[str, Known]

# A band, and cheap: a map without merit is better than all five in one case of six.
RANDOM_ORDERS = 5


@dataclass(frozen=True)
class Question:
    """Curves behind one background: `deletion` and `insertion`, or `road` (deletion in noise)."""

    background: str
    kinds: tuple[Literal["deletion", "insertion", "road"], ...] = ("deletion", "insertion")


BOTH_BACKGROUNDS_AND_ROAD = (Question("blur"), Question("mean"), Question("noise", ("road",)))


def perturbation_curves(
    scorer: Scorer,
    x: Tensor,
    target: int,
    credits: Floats,
    segments: NDArray[np.int32],
    *,
    is_signed: bool = True,
    questions: Sequence[Question] = BOTH_BACKGROUNDS_AND_ROAD,
    seed: int = 0,
    answers: Answers | None = None,
) -> tuple[PerturbationCurve, ...]:
    """Return the curves of one map, in the order of the questions.

    No image is evaluated twice, neither for this map nor for an earlier one that shared `answers`:
    the random orders and the one from the centre do not depend on the map.

    Args:
        scorer: Asks the model.
        x: Image (3, H, W) in [0, 1].
        target: Class whose probability is followed, the same throughout.
        credits: Credit of each superpixel (S,).
        segments: Superpixels (H, W) from 0 without holes.
        is_signed: Whether credits have signs; otherwise their magnitudes are the order.
        questions: Backgrounds and kinds.
        seed: Of the random orders and of ties.
        answers: What the model said before, and room for more.

    Raises:
        ExplanationError: an output is not finite.
        Cancelled: through the scorer's report.
    """
    answers = {} if answers is None else answers
    sizes = np.bincount(segments.ravel()).astype(np.float64)
    order = credit_order(credits, sizes, is_signed=is_signed, seed=seed)
    paths = _Paths(order, centre_order(segments), random_orders(len(sizes), RANDOM_ORDERS, seed))
    places = torch.from_numpy(segments.astype(np.int64)).to(scorer.device)
    found: list[PerturbationCurve] = []
    for question in questions:
        masked = Masked(
            scorer,
            hiding(x, question.background, segments, device=scorer.device),
            lambda rows: rows[:, places],  # (N, S) -> (N, H, W)
            answers.setdefault(question.background, {}),
        )
        found.extend(paths.curves(question, masked, sizes, target))
    return tuple(found)


def known_of(answers: Answers, options: ExplainerOptions) -> Known:
    """Return the answers that maps of these options share with curves: those in float32."""
    exact = options.precision == "float32"
    key = options.background if exact else f"{options.background}, {options.precision}"
    return answers.setdefault(key, {})


def planned_evaluations(questions: Sequence[Question]) -> int:
    """Return about how many answers the curves of one map need, for a progress."""
    orders = sum(2 * len(question.kinds) + RANDOM_ORDERS for question in questions)
    return orders * (STEPS + 1)


@dataclass(frozen=True)
class _Paths:
    """The map's order of superpixels (S,), and those that it is compared with."""

    order: Order
    centre: Order
    random: list[Order]

    def curves(
        self, question: Question, masked: Masked, sizes: Floats, target: int
    ) -> Iterator[PerturbationCurve]:
        """Yield the curves behind one background; all their images are asked for at once."""
        walks = [
            _Walk.along(order, sizes, kind)
            for kind in question.kinds
            for order in (self.order, self.centre)
        ]
        walks += [_Walk.along(order, sizes, "deletion") for order in self.random]
        logits = masked(np.concatenate([walk.stays for walk in walks]))
        outputs = of_class(logits, target, "probability")
        ends = np.cumsum([len(walk.stays) for walk in walks])
        read = np.split(outputs, ends[:-1])
        random = list(zip(walks, read, strict=True))[2 * len(question.kinds) :]
        for k, kind in enumerate(question.kinds):
            mine, centre = walks[2 * k], walks[2 * k + 1]
            band = np.stack(
                [_random_curve(walk, curve, kind, mine.fractions) for walk, curve in random]
            )
            yield PerturbationCurve(
                kind=kind,
                background=question.background,
                fractions=tuple(mine.fractions.tolist()),
                outputs=tuple(read[2 * k].tolist()),
                random_mean=tuple(band.mean(0).tolist()),
                random_low=tuple(band.min(0).tolist()),
                random_high=tuple(band.max(0).tolist()),
                centre=tuple(read_at(centre.fractions, read[2 * k + 1], mine.fractions).tolist()),
            )


@dataclass(frozen=True)
class _Walk:
    """Images along an order: what stays (K, S), and the share of the pixels changed (K,)."""

    stays: NDArray[np.bool_]
    fractions: Floats

    @classmethod
    def along(cls, order: Order, sizes: Floats, kind: str) -> "_Walk":
        counts, fractions = cuts(order, sizes)
        moved = changed(order, counts)
        return cls(moved if kind == "insertion" else ~moved, fractions)


def _random_curve(walk: _Walk, outputs: Floats, kind: str, wanted: Floats) -> Floats:
    """Return a random order's curve at the wanted fractions.

    The images of an order that is hidden are those of the reversed order that is shown, read
    backwards, and that one is as random.
    """
    if kind == "insertion":
        return read_at(1 - walk.fractions[::-1], outputs[::-1], wanted)
    return read_at(walk.fractions, outputs, wanted)
