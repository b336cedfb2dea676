"""Saliency: how strongly each pixel moves a class's logit, which way it does not say."""

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.gradient_check import refuse_blocked_at
from usable_core.explainers.masking import Known
from usable_core.explainers.scoring import Scorer
from usable_core.models.model import Model


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
    """Return the largest |gradient| of a class's logit over the colour channels of each pixel.

    Args:
        model: Pixels to logits, differentiable.
        x: Image (3, H, W) in [0, 1], not normalised.
        target: Index of the class explained.
        options: Not used: one evaluation is all.
        segments: Not used.
        report: Told the progress; raises `Cancelled`.
        known: Not used.

    Raises:
        ExplanationError: the model answers with NaN or infinity, or passes no gradient.

    Reference: Simonyan et al. 2014, arXiv:1312.6034.
    """
    started = time.perf_counter()
    scorer = Scorer(model, 1, report)
    images = torch.stack([x.to(scorer.device)])
    ((_, logits, gradients),) = scorer.gradients(1, lambda part: images[part], [target])
    output = float(logits[0, 0])
    values = gradients[0, 0].abs().amax(0).cpu().numpy()
    if not values.any():
        refuse_blocked_at(scorer, x, target, output)
    return Attribution(
        method="saliency",
        values=values.astype(np.float32),
        target=target,
        output=output,
        evaluations=scorer.evaluations,
        seconds=time.perf_counter() - started,
    )
