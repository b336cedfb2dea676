"""Saliency: how strongly each pixel moves a class's logit, which way it does not say."""

import numpy as np

from usable_core.asking.oracle import Oracle
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.gradient_check import finite_output, refuse_blocked_at
from usable_core.games.pictures import Picture


def explain(
    oracle: Oracle, picture: Picture, target: int, options: ExplainerOptions
) -> Attribution:
    """Return the largest |gradient| of a class's logit over the colour channels of each pixel.

    One evaluation is all, whatever the options.

    Reference: Simonyan et al. 2014, arXiv:1312.6034.
    """
    images = picture.x[None].to(oracle.device)
    ((_, logits, gradients),) = oracle.gradients(1, images.__getitem__, [target])
    output = finite_output(logits[0, 0])
    values = gradients[0, 0].abs().amax(0).cpu().numpy()
    if not values.any():
        refuse_blocked_at(oracle, picture, target, output)
    return Attribution(values.astype(np.float32), output)
