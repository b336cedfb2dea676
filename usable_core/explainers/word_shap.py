"""Shapley values of words: exact where a text is so short that every coalition can be asked.

Longer ones are Kernel SHAP's: no coalition is asked twice, and any words are taken to interact.
Pictures have more superpixels than could all be asked.
"""

from dataclasses import replace
from math import comb

import numpy as np

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import designs, kernel_shap
from usable_core.explainers.attribution import Attribution, of_class
from usable_core.explainers.replicates import with_errors
from usable_core.explainers.word_surrogate import conditioned
from usable_core.games.game import Game
from usable_core.metrics.attribution import additivity_gap

_ROUNDING = 1e-7  # of the largest credit: models answer in float32


def explain(game: Game, target: int, options: ExplainerOptions) -> Attribution:
    """Return Shapley values of words for a class's logit, of at most `evaluations` coalitions."""
    if 2**game.count <= options.evaluations:
        found = _exact(game, target, options)
    else:
        masks = designs.distinct(options.evaluations, game.count, options.seed)
        counts = kernel_shap.distinct_weights(masks)
        found = kernel_shap.explained(game, target, options, masks, conditioned, counts)
    # Words that do nothing are alike, not in an order that rounding made.
    is_nothing = np.abs(found.values) < _ROUNDING * np.abs(found.values).max()
    return replace(found, values=np.where(is_nothing, np.float32(0), found.values))


def _exact(game: Game, target: int, options: ExplainerOptions) -> Attribution:
    """Return Shapley values from the answers to every coalition."""
    count = game.count
    masks = designs.every(count)
    outputs = of_class(game.ask(masks), target, "logit")
    sizes, numbers = masks.sum(1), np.arange(len(masks))
    weight = np.array([1 / (count * comb(count - 1, k)) for k in range(count)])
    values = np.empty(count)
    for player in range(count):
        without = numbers[~masks[:, player]]
        gains = outputs[without | 1 << player] - outputs[without]
        values[player] = weight[sizes[without]] @ gains
    base, output = float(outputs[0]), float(outputs[-1])
    return Attribution(
        values=values.astype(np.float32)[game.players],
        output=output,
        base=base,
        additivity_gap=additivity_gap(values, base, output),
        convergence=1.0,
        stability=with_errors(values, np.zeros(count), 1, options.tolerance),
    )
