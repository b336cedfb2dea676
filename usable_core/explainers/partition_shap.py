"""Partition SHAP: Owen values of a class's logit over nested rectangles.

It is `shap`'s, played on visible and hidden pixels so that images are put together on the model's
device.
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import shap
from numpy.typing import NDArray
from torch import Tensor

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.backgrounds import hiding
from usable_core.explainers.masking import Known, Masked
from usable_core.explainers.scoring import Scorer, of_class
from usable_core.explainers.segments import superpixels
from usable_core.metrics.attribution import additivity_gap, rank_correlation, superpixel_credits
from usable_core.models.model import Model

# Hidings that shap asks for at once. A larger number spends evaluations less well, so it is part
# of the method and not chosen by memory: the same map on every machine.
PARTITION_BATCH = 10


def explain(
    model: Model,
    x: Tensor,
    target: int,
    options: ExplainerOptions,
    *,
    segments: NDArray[np.int32] | None = None,
    report: Report = silent,
    known: Known | None = None,
) -> Attribution:
    """Return Owen values of a class's logit over nested rectangles, by `shap.PartitionExplainer`.

    Rectangles whose effect is largest are divided first, until the evaluations are spent. That the
    values sum up is by construction and says nothing of how well the credit is divided.

    Args:
        model: Pixels to logits.
        x: Image (3, H, W) in [0, 1], not normalised.
        target: Index of the class explained.
        options: `background` is what hidden pixels show.
        segments: Superpixels (H, W), which only the background `own` needs: the hierarchy is of
            rectangles.
        report: Told the progress; raises `Cancelled`.
        known: The model's answers from a smaller map of the same question, and room for more.

    Raises:
        ExplanationError: the model answers with NaN or infinity.

    Reference: Lundberg & Lee 2017, arXiv:1705.07874; Owen 1977.
    """
    started = time.perf_counter()
    scorer = Scorer(model, options.evaluations, report, options.precision)
    height, width = x.shape[1:]
    parts = superpixels(x, options.segments) if segments is None else segments
    hidden = hiding(x, options.background, parts, device=scorer.device)
    masked = Masked(
        scorer, hidden, lambda rows: rows.view(-1, height, width), {} if known is None else known
    )

    def game(visible: NDArray[np.float32]) -> NDArray[np.float64]:  # (N, H, W, 1) of 0 and 1
        return of_class(masked(visible.reshape(len(visible), -1) > 0), target, "logit")

    half = _owen_values(game, x.shape[1:], options.evaluations // 2, options.seed)[0]
    asked_before = scorer.evaluations  # and asked again as what is known
    values, base = _owen_values(game, x.shape[1:], options.evaluations, options.seed)
    evaluations = scorer.evaluations - asked_before
    output = float(game(np.ones((1, height, width, 1), np.float32))[0])  # known: shap asked it
    return Attribution(
        method="partition_shap",
        values=values.astype(np.float32),
        target=target,
        output=output,
        base=base,
        additivity_gap=additivity_gap(values, base, output),
        convergence=rank_correlation(
            *(superpixel_credits(v, parts, is_per_pixel=True) for v in (values, half))
        ),
        evaluations=evaluations,
        seconds=time.perf_counter() - started,
        precision=scorer.precision,
    )


def _owen_values(
    game: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    size: tuple[int, ...],
    evaluations: int,
    seed: int,
) -> tuple[NDArray[np.float64], float]:
    """Return the value of each pixel (H, W) and what the game gives where nothing is visible.

    What a smaller number of evaluations asks, a larger one asks first.
    """
    height, width = size
    explainer = shap.PartitionExplainer(game, _masker(height, width))
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
