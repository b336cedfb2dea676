"""Partition SHAP: Owen values of a class's logit over nested rectangles.

The recursion is `shap.PartitionExplainer`'s on the hierarchy of `shap.maskers.Image`, and so are
the values; played on visible and hidden pixels, so that images are put together on the model's
device, and without a hierarchy of every pixel in memory.
Reference: Lundberg & Lee 2017, arXiv:1705.07874; Owen 1977.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution, of_class
from usable_core.games.game import Game
from usable_core.metrics.arrays import Floats, Masks
from usable_core.metrics.attribution import additivity_gap, superpixel_credits
from usable_core.metrics.ranks import spearman

PayOff = Callable[[Masks], Floats]  # visible pixels (N, H, W) to payments (N,)

# Hidings that are asked for at once. A larger number spends evaluations less well, so it is part
# of the method and not chosen by memory: the same map on every machine.
PARTITION_BATCH = 10


def explain(game: Game, target: int, options: ExplainerOptions) -> Attribution:
    """Return Owen values of a class's logit over nested rectangles.

    Rectangles whose effect is largest are divided first, until the evaluations are spent. That the
    values sum up is by construction and says nothing of how well the credit is divided. Pixels of
    the picture are the players; the seed settles ties.
    """
    size = (game.players.shape[0], game.players.shape[1])

    def pixels(rows: Tensor) -> Tensor:
        return rows.view(-1, *size)

    def pay_off(visible: Masks) -> Floats:
        return of_class(game.ask(visible.reshape(len(visible), -1), pixels), target, "logit")

    half = owen_values(pay_off, size, options.evaluations // 2, options.seed)[0]
    asked_before = game.budget.spent  # and asked again as what is remembered
    values, base = owen_values(pay_off, size, options.evaluations, options.seed)
    evaluations = game.budget.spent - asked_before
    output = float(pay_off(np.ones((1, *size), bool))[0])
    return Attribution(
        values=values.astype(np.float32),
        output=output,
        base=base,
        additivity_gap=additivity_gap(values, base, output),
        convergence=spearman(
            *(superpixel_credits(v, game.players, is_per_pixel=True) for v in (values, half))
        ),
        evaluations=evaluations,
    )


class _Rectangle(NamedTuple):
    """Rows and columns of pixels, counted from the last one, as `shap` does it."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def area(self) -> int:
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def where(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def halves(self) -> "tuple[_Rectangle, _Rectangle]":
        """Return the rectangle cut across its longer side."""
        height, width = self.bottom - self.top, self.right - self.left
        if height >= width:
            middle = self.top + height // 2
            return self._replace(bottom=middle), self._replace(top=middle)
        middle = self.left + width // 2
        return self._replace(right=middle), self._replace(left=middle)


@dataclass(frozen=True, eq=False)
class _Share:
    """A credit that is to be divided within a rectangle.

    Attributes:
        rectangle: Whose credit it is.
        visible: The pixels (H, W) that are visible beside it.
        low: What is paid without the rectangle.
        high: What is paid with it.
        weight: How much the difference counts.
    """

    rectangle: _Rectangle
    visible: Masks
    low: float
    high: float
    weight: float

    def with_each_half(self) -> list[Masks]:
        """Return what is visible (H, W) when the first half of the rectangle, or the second, is."""
        masks = [self.visible.copy(), self.visible.copy()]
        for mask, half in zip(masks, self.rectangle.halves(), strict=True):
            mask[half.where] = True
        return masks

    def divided(self, masks: list[Masks], payments: list[float]) -> "Iterator[_Share]":
        """Yield the halves' shares: each half alone, and each after the other one.

        Args:
            masks: Of `with_each_half`.
            payments: What is paid for these.
        """
        first, second = self.rectangle.halves()
        weight, (one, other) = self.weight / 2, payments
        yield _Share(first, self.visible, self.low, one, weight)
        yield _Share(second, self.visible, self.low, other, weight)
        yield _Share(first, masks[1], other, self.high, weight)
        yield _Share(second, masks[0], one, self.high, weight)


def owen_values(
    pay_off: PayOff, size: tuple[int, int], evaluations: int, seed: int
) -> tuple[Floats, float]:
    """Return the value of each pixel (H, W) and what is paid where nothing is visible.

    What a smaller number of evaluations asks, a larger one asks first.

    Args:
        pay_off: Visible pixels to payments.
        size: Height and width.
        evaluations: Payments asked, at most.
        seed: Of the draws that settle ties between rectangles.
    """

    def paid(masks: list[Masks]) -> Floats:
        return pay_off(np.stack(masks)[:, ::-1, ::-1])

    draw, values = np.random.RandomState(seed), np.zeros(size)
    nothing = np.zeros(size, bool)
    base, whole = (float(value) for value in paid([nothing, ~nothing]))
    waiting = [(0.0, 0.0, _Share(_Rectangle(0, size[0], 0, size[1]), nothing, base, whole, 1.0))]
    left = evaluations - 3  # as `shap` counts: it asks in pairs, so one may come on top
    while waiting:
        shares: list[_Share] = []
        while waiting and (left <= 0 or 2 * len(shares) < min(PARTITION_BATCH, left)):
            share = heapq.heappop(waiting)[2]
            if left <= 0 or share.rectangle.area == 1:
                credit = (share.high - share.low) * share.weight
                values[share.rectangle.where] += credit / share.rectangle.area
            else:
                shares.append(share)
        if not shares:
            continue
        pairs = [share.with_each_half() for share in shares]
        payments = paid([mask for pair in pairs for mask in pair]).tolist()
        left -= len(payments)
        for k, (share, masks) in enumerate(zip(shares, pairs, strict=True)):
            for part in share.divided(masks, payments[2 * k : 2 * k + 2]):
                priority = -abs(part.high - part.low) * part.weight
                heapq.heappush(waiting, (priority, float(draw.randn()), part))
    return values[::-1, ::-1], base
