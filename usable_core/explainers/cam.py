"""Class activation maps: which places of the last grid of activations spoke for a class's logit.

Layers are found by rule, see `activations`; the map is as coarse as their grid and is enlarged
bilinearly.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.asking.outputs import check_logits
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.gradient_check import finite_output, refuse_blocked_at
from usable_core.games.pictures import Picture
from usable_core.metrics.arrays import Values
from usable_core.models.activations import activations_and_gradients, find_layers, known_layers

Pairs = Sequence[tuple[Tensor, Tensor]]  # of each layer, activations and gradients (C, h, w)


def explain_grad(
    oracle: Oracle, picture: Picture, target: int, options: ExplainerOptions
) -> Attribution:
    """Return Grad-CAM: activations weighted by their channel's mean gradient, where above 0.

    A map of zeros means that no place spoke for the class. One evaluation is all, and one more to
    find the layer once per model, which must be differentiable from its last grid on.

    Raises:
        ExplanationError: the network shows no activations with a grid, or passes no gradient.

    Reference: Selvaraju et al. 2017, arXiv:1610.02391.
    """
    return _explain(oracle, picture, target, slice(1), grad_cam)


def explain_tokens(
    oracle: Oracle, picture: Picture, target: int, options: ExplainerOptions
) -> Attribution:
    """Return activations times their own gradients, channels summed (HiResCAM), where above 0.

    Grad-CAM averages gradients over the places, which is right where the network does the same
    next; behind attention each place has gradients of its own. Transformers mix places in every
    block, so the maps of all normalisations of tokens are added: what each place passes on. Signs
    are left out, for hiding places of negative credit was seen to lower the logit as well.

    Cost and errors are those of `explain_grad`.

    Reference: Draelos & Carin 2020, arXiv:2011.08891; added up over blocks as in Qiang et al. 2022
    (AttCAT, NeurIPS), there of the blocks' outputs and weighted by attention.
    """
    return _explain(oracle, picture, target, slice(None), token_cam)


def grad_cam(pairs: Pairs) -> Tensor:
    """Return Grad-CAM's map (h, w) of one layer's activations and gradients (C, h, w)."""
    ((activations, gradients),) = pairs
    return (gradients.mean((1, 2), keepdim=True) * activations).sum(0).relu()


def token_cam(pairs: Pairs) -> Tensor:
    """Return the map (h, w) of activations times gradients (C, h, w), layers and channels added."""
    maps = [(gradients * activations).sum(0) for activations, gradients in pairs]
    return torch.stack(maps).sum(0).relu()


def enlarged(coarse: Tensor, height: int, width: int) -> Values:
    """Return a map (h, w) at the image's size (height, width), bilinearly."""
    size = (height, width)
    fine = F.interpolate(coarse[None, None].float(), size, mode="bilinear", align_corners=False)
    return np.asarray(fine[0, 0].cpu().numpy())


def _explain(
    oracle: Oracle, picture: Picture, target: int, used: slice, combine: Callable[[Pairs], Tensor]
) -> Attribution:
    model, x = oracle.model, picture.x
    layers = known_layers(model, x)
    if layers is None:
        ((_, layers),) = oracle.each(1, lambda _: find_layers(model, x, target))

    def answered(_: slice) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        return activations_and_gradients(model, layers[used], x, target)

    ((_, (logits, pairs)),) = oracle.each(1, answered)
    check_logits(logits[None])
    output = finite_output(logits[target])
    if not any(torch.any(gradients) for _, gradients in pairs):
        refuse_blocked_at(oracle, picture, target, output)
    return Attribution(enlarged(combine(pairs), *x.shape[1:]), output)
