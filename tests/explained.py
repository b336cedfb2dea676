"""Explanations of images that are tensors, on superpixels that a test chooses."""

import numpy as np

from usable_core.asking.oracle import Oracle
from usable_core.evaluations.explained import Explanation
from usable_core.explainers.attribution import attribute
from usable_core.games.game import Budget
from usable_core.games.pictures import Picture
from usable_core.games.segments import superpixels
from usable_core.measuring import refinement
from usable_core.measuring.instances import Instance


def picture_of(x, options=None, segments=None, answers=None):
    if segments is None:
        segments = superpixels(x, options.segments)
    return Picture(x, segments, {} if answers is None else answers)


def instance_of(model, x, segments, answers=None):
    picture = picture_of(x, segments=segments, answers=answers)
    logits = Oracle(model).logits(x[None])[0].double()
    return Instance(model, picture, logits, Explanation(segments=segments))


def attributed(method, model, x, target, options, *, segments=None, report=None, answers=None):
    """What a method says; all evaluations are spent."""
    picture = picture_of(x, options, segments, answers)
    return attribute(model, picture, method, target, options, report or (lambda *_, **__: None))


def explained(model, x, target, method, options, *, segments, answers=None):
    """A map with as many evaluations as its tolerance needs."""
    return refinement.explain(instance_of(model, x, segments, answers), method, target, options)


def game_of(model, x, segments, background="black", answers=None):
    """A game of superpixels, whose answers are kept in `answers`."""
    picture = picture_of(x, segments=segments, answers=answers)
    return picture.game(Oracle(model), background, Budget(0))


def lime_masks(count, features, seed):
    """The masks (count, features) that `lime` draws: all in the first row, half elsewhere."""
    masks = np.random.RandomState(seed).randint(0, 2, count * features).reshape(count, features)
    masks[0] = 1
    return masks
