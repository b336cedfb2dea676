"""Partition SHAP: Owen values of a class's logit over nested rectangles.

It is `shap`'s, played on visible and hidden pixels so that images are put together on the model's
device.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import shap
from numpy.typing import NDArray
from torch import Tensor

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution, of_class
from usable_core.games.game import Game
from usable_core.metrics.attribution import additivity_gap, superpixel_credits
from usable_core.metrics.ranks import spearman

# Hidings that shap asks for at once. A larger number spends evaluations less well, so it is part
# of the method and not chosen by memory: the same map on every machine.
PARTITION_BATCH = 10


def explain(game: Game, target: int, options: ExplainerOptions) -> Attribution:
    """Return Owen values of a class's logit over nested rectangles, by `shap.PartitionExplainer`.

    Rectangles whose effect is largest are divided first, until the evaluations are spent. That the
    values sum up is by construction and says nothing of how well the credit is divided.

    Args:
        game: Of a picture; pixels are its players here, for the hierarchy is of rectangles.
        target: Index of the class explained.
        options: How many evaluations, and the seed that settles ties.

    Reference: Lundberg & Lee 2017, arXiv:1705.07874; Owen 1977.
    """
    size = game.players.shape

    def pixels(rows: Tensor) -> Tensor:
        return rows.view(-1, *size)

    def pay_off(visible: NDArray[np.float32]) -> NDArray[np.float64]:  # (N, H, W, 1) of 0 and 1
        return of_class(game.ask(visible.reshape(len(visible), -1) > 0, pixels), target, "logit")

    half = _owen_values(pay_off, size, options.evaluations // 2, options.seed)[0]
    asked_before = game.budget.spent  # and asked again as what is known
    values, base = _owen_values(pay_off, size, options.evaluations, options.seed)
    evaluations = game.budget.spent - asked_before
    output = float(pay_off(np.ones((1, *size, 1), np.float32))[0])  # known: shap asked it
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


def _owen_values(
    pay_off: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    size: tuple[int, ...],
    evaluations: int,
    seed: int,
) -> tuple[NDArray[np.float64], float]:
    """Return the value of each pixel (H, W) and what is paid where nothing is visible.

    What a smaller number of evaluations asks, a larger one asks first.
    """
    height, width = size
    explainer = shap.PartitionExplainer(pay_off, _masker(height, width))
    with _numpy_seed(seed):  # ties between rectangles are settled by its global generator
        found = explainer(
            np.ones((1, height, width, 1), np.float32),
            max_evals=evaluations - 1,  # shap asks in pairs: one may come on top
            batch_size=PARTITION_BATCH,
            silent=True,
        )
    return found.values[0, :, :, 0], float(np.ravel(found.base_values)[0])


@functools.lru_cache(maxsize=8)
def _masker(height: int, width: int) -> "shap.maskers.Image":
    """Return the masker of an image of ones over zeros; its hierarchy takes most of a second."""
    return shap.maskers.Image(np.zeros((height, width, 1), np.float32))


@contextmanager
def _numpy_seed(seed: int) -> Iterator[None]:
    """Seed numpy's global generator for a while and put its state back."""
    state = np.random.get_state()  # noqa: NPY002 - the one that shap draws from
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
