"""Class activation maps: which places of the last grid of activations spoke for a class's logit.

Layers are found by rule, see `activations`; the map is as coarse as their grid and is enlarged
bilinearly.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.activations import (
    Layer,
    activations_and_gradients,
    is_known,
    layers_of,
)
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.gradient_check import refuse_blocked_at
from usable_core.explainers.masking import Known
from usable_core.explainers.scoring import Scorer, finite
from usable_core.models.model import Model

Pairs = Sequence[tuple[Tensor, Tensor]]  # of each layer, activations and gradients (C, h, w)


def explain_grad(
    model: Model,
    x: Tensor,
    target: int,
    options: ExplainerOptions,
    *,
    segments: NDArray[np.int32] | None = None,
    report: Report = silent,
    known: Known | None = None,
) -> Attribution:
    """Return Grad-CAM: activations weighted by their channel's mean gradient, where above 0.

    A map of zeros means that no place spoke for the class.

    Args:
        model: Pixels to logits, differentiable from its last grid on.
        x: Image (3, H, W) in [0, 1], not normalised.
        target: Index of the class explained.
        options: Not used: one evaluation is all, and one more to find the layer once per model.
        segments: Not used.
        report: Told the progress; raises `Cancelled`.
        known: Not used.

    Raises:
        ExplanationError: the network shows no activations with a grid, answers with NaN or
            infinity, or passes no gradient.

    Reference: Selvaraju et al. 2017, arXiv:1610.02391.
    """
    return _explain("grad_cam", lambda found: found[:1], grad_cam, model, x, target, report)


def explain_tokens(
    model: Model,
    x: Tensor,
    target: int,
    options: ExplainerOptions,
    *,
    segments: NDArray[np.int32] | None = None,
    report: Report = silent,
    known: Known | None = None,
) -> Attribution:
    """Return activations times their own gradients, channels summed (HiResCAM), where above 0.

    Grad-CAM averages gradients over the places, which is right where the network does the same
    next; behind attention each place has gradients of its own. Transformers mix places in every
    block, so the maps of all normalisations of tokens are added: what each place passes on. Signs
    are left out, for hiding places of negative credit was seen to lower the logit as well.

    Args:
        model: Pixels to logits, differentiable from its last grid on.
        x: Image (3, H, W) in [0, 1], not normalised.
        target: Index of the class explained.
        options: Not used: one evaluation is all, and one more to find the layer once per model.
        segments: Not used.
        report: Told the progress; raises `Cancelled`.
        known: Not used.

    Raises:
        ExplanationError: the network shows no activations with a grid, answers with NaN or
            infinity, or passes no gradient.

    Reference: Draelos & Carin 2020, arXiv:2011.08891; added up over blocks as in Qiang et al. 2022
    (AttCAT, NeurIPS), there of the blocks' outputs and weighted by attention.
    """
    return _explain("token_cam", lambda found: found, token_cam, model, x, target, report)


def grad_cam(pairs: Pairs) -> Tensor:
    """Return Grad-CAM's map (h, w) of one layer's activations and gradients (C, h, w)."""
    ((activations, gradients),) = pairs
    return (gradients.mean((1, 2), keepdim=True) * activations).sum(0).relu()


def token_cam(pairs: Pairs) -> Tensor:
    """Return the map (h, w) of activations times gradients (C, h, w), layers and channels added."""
    maps = [(gradients * activations).sum(0) for activations, gradients in pairs]
    return torch.stack(maps).sum(0).relu()


def enlarged(coarse: Tensor, height: int, width: int) -> NDArray[np.float32]:
    """Return a map (h, w) at the image's size (height, width), bilinearly."""
    size = (height, width)
    fine = F.interpolate(coarse[None, None].float(), size, mode="bilinear", align_corners=False)
    found: NDArray[np.float32] = fine[0, 0].cpu().numpy()
    return found


def _explain(
    method: str,
    read: Callable[[tuple[Layer, ...]], tuple[Layer, ...]],
    combine: Callable[[Pairs], Tensor],
    model: Model,
    x: Tensor,
    target: int,
    report: Report,
) -> Attribution:
    started = time.perf_counter()
    scorer = Scorer(model, 1 if is_known(model, x) else 2, report)
    layers = read(layers_of(scorer, x, target))

    def answered(_: slice) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        return activations_and_gradients(model, layers, x, target)

    ((_, (logits, pairs)),) = scorer.each(1, answered)
    output = float(finite(logits.float().cpu().numpy())[target])
    if not any(torch.any(gradients) for _, gradients in pairs):
        refuse_blocked_at(scorer, x, target, output)
    return Attribution(
        method=method,
        values=enlarged(combine(pairs), *x.shape[1:]),
        target=target,
        output=output,
        evaluations=scorer.evaluations,
        seconds=time.perf_counter() - started,
    )
