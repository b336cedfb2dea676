"""LIME: a weighted linear model of what happens when superpixels are hidden.

The masks are those that `lime` draws from the same seed and the fit is `lime`'s own, so the weights
are `LimeImageExplainer`'s; only hiding and batching are ours, on the model's device.
Reference: Ribeiro et al. 2016, arXiv:1602.04938.
"""

import time

import numpy as np
import torch
from lime.lime_base import LimeBase
from numpy.typing import NDArray
from torch import Tensor

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.backgrounds import hiding
from usable_core.explainers.masking import Known, Masked
from usable_core.explainers.scoring import Scorer, of_class
from usable_core.explainers.segments import superpixels
from usable_core.metrics.attribution import weighted_r2
from usable_core.models.model import Model

# `lime`'s default for images. With half of the superpixels hidden the cosine distance is about
# 0.29, so weights spread around 0.5: the fit averages over such images and is hardly local.
KERNEL_WIDTH = 0.25


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
    """Return LIME's weights for the softmax probability of a class, as `lime` defines them.

    Args:
        model: Pixels to logits.
        x: Image (3, H, W) in [0, 1], not normalised.
        target: Index of the class explained.
        options: `evaluations` images are sampled, the first of which is x itself.
        segments: Superpixels (H, W) from 0, shared between methods and models; None finds them.
        report: Told the progress; raises `Cancelled`.
        known: The model's answers from a smaller map of the same question, and room for more.

    Raises:
        ExplanationError: the model answers with NaN or infinity.
    """
    started = time.perf_counter()
    if segments is None:
        segments = superpixels(x, options.segments)
    masks = sampled_masks(options.evaluations, int(segments.max()) + 1, options.seed)
    scorer = Scorer(model, len(masks), report)
    places = torch.from_numpy(segments.astype(np.int64)).to(scorer.device)
    hidden = hiding(x, options.background, segments, device=scorer.device)
    masked = Masked(scorer, hidden, lambda rows: rows[:, places], known)  # to (N, H, W)
    outputs = of_class(masked(masks.astype(bool)), target, "probability")
    weights, r2 = fit(masks, outputs)
    return Attribution(
        method="lime",
        values=weights.astype(np.float32)[segments],
        target=target,
        output=float(outputs[0]),
        r2=r2,
        evaluations=scorer.evaluations,
        seconds=time.perf_counter() - started,
        segments=segments,
        unit="probability",
    )


def sampled_masks(count: int, features: int, seed: int) -> NDArray[np.int64]:
    """Return which superpixels stay (count, features): all in the first row, half elsewhere.

    A smaller count gives the first rows of a larger one.
    """
    masks = np.random.RandomState(seed).randint(0, 2, count * features)
    masks = masks.reshape(count, features)
    masks[0] = 1
    return masks


def fit(
    masks: NDArray[np.int64], outputs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return `lime`'s weight of each superpixel (S,) and the fit's weighted R² on its own samples.

    Args:
        masks: Which superpixels stay (N, S), all in the first row.
        outputs: The model's answers (N,) to these images.
    """
    kept = masks.sum(1) / masks.shape[1]
    distances = 1 - np.sqrt(kept)  # cosine distance to the row of ones
    base = LimeBase(_kernel, random_state=0)
    intercept, credits, _, _ = base.explain_instance_with_data(
        masks, outputs[:, None], distances, 0, masks.shape[1], feature_selection="none"
    )
    weights = np.zeros(masks.shape[1])
    for feature, weight in credits:
        weights[feature] = weight
    return weights, weighted_r2(outputs, intercept + masks @ weights, _kernel(distances))


def _kernel(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.sqrt(np.exp(-(distances**2) / KERNEL_WIDTH**2))
    return found
