"""What happens to the target's probability as superpixels are hidden or shown in a map's order.

A map that found what the model looks at makes it fall faster, or rise faster, than random orders of
the same superpixels do on this very network, and than the order from the centre outwards.
Reference: Petsiuk et al. 2018, arXiv:1806.07421; Rong et al. 2022, arXiv:2202.00449 (ROAD).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from usable_core.evaluations.evidence import PerturbationCurve
from usable_core.explainers.attribution import of_class
from usable_core.games.game import Game
from usable_core.metrics import faithfulness as orders
from usable_core.metrics.arrays import Floats, Indices, Masks

# A band, and cheap: a map without merit is better than all five in one case of six.
RANDOM_ORDERS = 5


@dataclass(frozen=True)
class Question:
    """Curves behind one background: `deletion` and `insertion`, or `road` (deletion in noise)."""

    background: str
    kinds: tuple[Literal["deletion", "insertion", "road"], ...] = ("deletion", "insertion")


BLURRED = (Question("blur"),)  # the cheapest evidence
OF_TEXTS = (Question("mask"), Question("delete"))
WITHOUT_MASK = (Question("delete"), Question("neutral"))
BOTH_BACKGROUNDS_AND_ROAD = (Question("blur"), Question("mean"), Question("noise", ("road",)))


def perturbation_curves(
    game_behind: Callable[[str], Game],
    target: int,
    credits: Floats,
    *,
    is_signed: bool = True,
    questions: Sequence[Question] = BOTH_BACKGROUNDS_AND_ROAD,
    seed: int = 0,
) -> tuple[PerturbationCurve, ...]:
    """Return the curves of one map, in the order of the questions.

    The random orders and the one from the centre do not depend on the map: games that remember
    their answers are asked for them once.

    Args:
        game_behind: A background's name to the game of superpixels behind it.
        target: Class whose probability is followed, the same throughout.
        credits: Credit of each superpixel (S,).
        is_signed: Whether credits have signs; otherwise their magnitudes are the order.
        questions: Backgrounds and kinds.
        seed: Of the random orders and of ties.

    Raises:
        OutputsRefused, ExplanationError: an output is not finite.
        Cancelled: through the games' budget.
    """
    found: list[PerturbationCurve] = []
    for question in questions:
        game = game_behind(question.background)
        sizes = np.bincount(game.players.ravel()).astype(np.float64)
        paths = _Paths(
            orders.credit_order(credits, sizes, is_signed=is_signed, seed=seed),
            orders.plain_order(game.players),
            orders.random_orders(len(sizes), RANDOM_ORDERS, seed),
        )
        found.extend(paths.curves(question, game, sizes, target))
    return tuple(found)


def planned_evaluations(questions: Sequence[Question]) -> int:
    """Return about how many answers the curves of one map need, for a progress."""
    curves = sum(2 * len(question.kinds) + RANDOM_ORDERS for question in questions)
    return curves * (orders.STEPS + 1)


@dataclass(frozen=True)
class _Paths:
    """The map's order of superpixels (S,), and those that it is compared with."""

    order: Indices
    centre: Indices
    random: list[Indices]

    def curves(
        self, question: Question, game: Game, sizes: Floats, target: int
    ) -> Iterator[PerturbationCurve]:
        """Yield the curves behind one background; all their images are asked for at once."""
        series = [
            _Steps.along(order, sizes, kind)
            for kind in question.kinds
            for order in (self.order, self.centre)
        ]
        series += [_Steps.along(order, sizes, "deletion") for order in self.random]
        logits = game.ask(np.concatenate([steps.stays for steps in series]))
        outputs = of_class(logits, target, "probability")
        ends = np.cumsum([len(steps.stays) for steps in series])
        read = np.split(outputs, ends[:-1])
        random = list(zip(series, read, strict=True))[2 * len(question.kinds) :]
        for k, kind in enumerate(question.kinds):
            mine, centre = series[2 * k], series[2 * k + 1]
            band = np.stack(
                [_random_curve(steps, curve, kind, mine.fractions) for steps, curve in random]
            )
            yield PerturbationCurve(
                kind=kind,
                background=question.background,
                fractions=tuple(mine.fractions.tolist()),
                outputs=tuple(read[2 * k].tolist()),
                random_mean=tuple(band.mean(0).tolist()),
                random_low=tuple(band.min(0).tolist()),
                random_high=tuple(band.max(0).tolist()),
                centre=tuple(
                    orders.read_at(centre.fractions, read[2 * k + 1], mine.fractions).tolist()
                ),
            )


@dataclass(frozen=True)
class _Steps:
    """Images along an order: what stays (K, S), and the share of the pixels changed (K,)."""

    stays: Masks
    fractions: Floats

    @classmethod
    def along(cls, order: Indices, sizes: Floats, kind: str) -> "_Steps":
        counts, fractions = orders.cuts(order, sizes)
        moved = orders.changed(order, counts)
        return cls(moved if kind == "insertion" else ~moved, fractions)


def _random_curve(steps: _Steps, outputs: Floats, kind: str, wanted: Floats) -> Floats:
    """Return a random order's curve at the wanted fractions.

    The images of an order that is hidden are those of the reversed order that is shown, read
    backwards, and that one is as random.
    """
    if kind == "insertion":
        return orders.read_at(1 - steps.fractions[::-1], outputs[::-1], wanted)
    return orders.read_at(steps.fractions, outputs, wanted)
