"""Credits from gradients on the straight path from a background to the image, in logits.

Expected gradients (gradient SHAP) take them at random positions.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.backgrounds import hiding
from usable_core.explainers.masking import Known
from usable_core.explainers.scoring import Scorer, of_class
from usable_core.explainers.segments import superpixels
from usable_core.metrics.attribution import additivity_gap
from usable_core.models.model import Model


def explain_expected(
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
        segments: Superpixels (H, W), which only the background `own` needs.
        report: Told the progress; raises `Cancelled`.
        known: Not used: no point of the path is asked for twice.

    Raises:
        ExplanationError: the model answers with NaN or infinity, or passes no gradient.

    Reference: Erion et al. 2021, arXiv:1906.10670.
    """
    started = time.perf_counter()
    if segments is None:
        segments = superpixels(x, options.segments)
    points = max(1, options.evaluations - 2)  # two are spent on the ends of the path
    scorer = Scorer(model, points + 2, report)
    start = hiding(x, options.background, segments, device=scorer.device).hidden
    ends = torch.stack([start, x.to(scorer.device)])
    ((_, logits),) = scorer.logits(2, lambda part: ends[part])
    base, output = of_class(logits, target, "logit")
    jitter = np.random.default_rng(options.seed).random(points)
    positions = (np.arange(points) + jitter) / points
    values = mean_gradients(scorer, x, start, positions, np.full(points, 1 / points), [target])[0]
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
        additivity_gap=additivity_gap(values, float(base), float(output)),
        evaluations=scorer.evaluations,
        seconds=time.perf_counter() - started,
    )


def mean_gradients(
    scorer: Scorer,
    x: Tensor,
    start: Tensor,
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    targets: Sequence[int],
) -> NDArray[np.float64]:
    """Return (x − start) times the weighted gradients on the path, channels summed (T, H, W).

    Args:
        scorer: Gives the gradients.
        x: Image (3, H, W), the end of the path (position 1).
        start: Image (3, H, W), the beginning of the path (position 0).
        positions: Where on the path the gradients are taken (N,), in [0, 1].
        weights: What each counts (N,).
        targets: Classes (T,), which share the passes forward.
    """
    x, start = x.to(scorer.device), start.to(scorer.device)
    shares = torch.from_numpy(positions).to(x).view(-1, 1, 1, 1)
    counts = torch.from_numpy(weights).to(x)
    total = x.new_zeros(len(targets), *x.shape)

    def images(part: slice) -> Tensor:
        return torch.lerp(start, x, shares[part])

    for part, _, gradients in scorer.gradients(len(shares), images, targets):
        total += torch.einsum("tnchw,n->tchw", gradients, counts[part])
    credit: NDArray[np.float64] = ((x - start) * total).sum(1).cpu().double().numpy()
    return credit
