"""SHAP: credits that sum to f(x) − f(background), in logits.

Partition SHAP is `shap`'s, played on visible and hidden pixels so that images are put together on
the model's device. Gradient SHAP is our own, checked against `shap.GradientExplainer`.
"""

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import shap
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.backgrounds import background
from usable_core.explainers.masking import Known, Masked
from usable_core.explainers.scoring import Scorer
from usable_core.metrics.attribution import additivity_gap
from usable_core.models.model import Model

# Hidings that shap asks for at once. A larger number spends evaluations less well, so it is part
# of the method and not chosen by memory: the same map on every machine.
PARTITION_BATCH = 10


def explain_partition(
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
        segments: Not used: the hierarchy is of rectangles.
        report: Told the progress; raises `Cancelled`.
        known: The model's answers from a smaller map of the same question, and room for more.

    Raises:
        ExplanationError: the model answers with NaN or infinity.

    Reference: Lundberg & Lee 2017, arXiv:1705.07874; Owen 1977.
    """
    started = time.perf_counter()
    scorer = Scorer(model, target, "logit", options.evaluations, report)
    height, width = x.shape[1:]
    hidden = background(x, options.background)
    masked = Masked(scorer, x, hidden, lambda rows: rows.view(-1, height, width), known)

    def game(visible: NDArray[np.float32]) -> NDArray[np.float64]:  # (N, H, W, 1) of 0 and 1
        return masked(visible.reshape(len(visible), -1) > 0)

    explainer = shap.PartitionExplainer(game, _masker(height, width))
    with _numpy_seed(options.seed):  # ties between rectangles are settled by its global generator
        found = explainer(
            np.ones((1, height, width, 1), np.float32),
            max_evals=options.evaluations - 1,  # shap asks in pairs: one may come on top
            batch_size=PARTITION_BATCH,
            silent=True,
        )
    values = found.values[0, :, :, 0]
    base = float(np.ravel(found.base_values)[0])
    evaluations = scorer.evaluations
    output = float(masked(np.ones((1, height * width), bool))[0])  # known: shap asked it
    return Attribution(
        method="partition_shap",
        values=values.astype(np.float32),
        target=target,
        output=output,
        base=base,
        r2=None,
        additivity_gap=additivity_gap(values, base, output),
        evaluations=evaluations,
        seconds=time.perf_counter() - started,
    )


def explain_gradient(
    model: Model,
    x: Tensor,
    target: int,
    options: ExplainerOptions,
    *,
    segments: NDArray[np.int32] | None = None,
    report: Report = silent,
    known: Known | None = None,
) -> Attribution:
    """Return expected gradients of a class's logit from one background to the image.

    One random point in each of `evaluations` equal parts of the path, which leaves a far smaller
    sampling error than points drawn anywhere. What error is left is the additivity gap; a model
    that is linear between background and image has none.

    Args:
        model: Pixels to logits, differentiable.
        x: Image (3, H, W) in [0, 1], not normalised.
        target: Index of the class explained.
        options: `background` is where the path begins.
        segments: Not used: every pixel is credited for itself.
        report: Told the progress; raises `Cancelled`.
        known: Not used: no point of the path is asked for twice.

    Raises:
        ExplanationError: the model answers with NaN or infinity, or passes no gradient.

    Reference: Erion et al. 2021, arXiv:1906.10670.
    """
    started = time.perf_counter()
    points = max(1, options.evaluations - 2)  # two are spent on the ends of the path
    scorer = Scorer(model, target, "logit", points + 2, report)
    start = background(x, options.background)
    base, output = scorer(torch.stack([start, x]).to(scorer.device))
    jitter = np.random.default_rng(options.seed).random(points)
    values = expected_gradients(scorer, x, start, (np.arange(points) + jitter) / points)
    if not values.any() and abs(output - base) > 1e-6 * (1 + abs(output)):
        raise ExplanationError(
            "The model's answer changes along the path, but it passes no gradient to the pixels. "
            "Choose LIME or Partition SHAP, which need none."
        )
    return Attribution(
        method="gradient_shap",
        values=values.astype(np.float32),
        target=target,
        output=float(output),
        base=float(base),
        r2=None,
        additivity_gap=additivity_gap(values, float(base), float(output)),
        evaluations=scorer.evaluations,
        seconds=time.perf_counter() - started,
    )


def expected_gradients(
    scorer: Scorer, x: Tensor, start: Tensor, positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (x − start) times the mean gradient at positions of the path, channels summed (H, W).

    Args:
        scorer: Gives the gradients.
        x: Image (3, H, W), the end of the path (position 1).
        start: Image (3, H, W), the beginning of the path (position 0).
        positions: Where on the path the gradient is taken (N,), in [0, 1].
    """
    x, start = x.to(scorer.device), start.to(scorer.device)
    shares = torch.from_numpy(positions).to(x).view(-1, 1, 1, 1)
    total = torch.zeros_like(x, dtype=torch.float64 if x.device.type != "mps" else x.dtype)
    for part in torch.split(shares, scorer.batch_size):
        total += scorer.gradients(torch.lerp(start, x, part)).sum(0)
    credit: NDArray[np.float64] = ((x - start) * total / len(shares)).sum(0).cpu().double().numpy()
    return credit


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
