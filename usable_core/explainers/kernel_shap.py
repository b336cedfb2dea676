"""Kernel SHAP: Shapley values of superpixels by weighted least squares, in logits.

The estimator is `shap.KernelExplainer`'s; on the same coalitions the values are the same. Which
coalitions are asked is ours (`designs.coalitions`): closer after as many evaluations.
Reference: Lundberg & Lee 2017, arXiv:1705.07874.
"""

from collections.abc import Callable

import numpy as np

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import designs
from usable_core.explainers.attribution import Attribution, of_class
from usable_core.explainers.replicates import PARTS, each, stability
from usable_core.explainers.surrogate import Condition, is_flat, local
from usable_core.games.game import Game, neighbours
from usable_core.metrics.arrays import Floats, Masks, Values
from usable_core.metrics.attribution import additivity_gap
from usable_core.metrics.ranks import spearman


def explain(game: Game, target: int, options: ExplainerOptions) -> Attribution:
    """Return estimated Shapley values of superpixels for a class's logit.

    `evaluations` coalitions are asked, among them everything and nothing.
    """
    masks = designs.coalitions(options.evaluations, game.count, options.seed)
    return explained(game, target, options, masks, local(neighbours(game.players)))


def explained(
    game: Game,
    target: int,
    options: ExplainerOptions,
    masks: Masks,
    condition: Condition,
    counts: Floats | None = None,
) -> Attribution:
    """Return estimated Shapley values of players for a class's logit from what masks (N, S) say.

    Everything is shown by the first mask, nothing by the second, and pairs follow; see `estimator`.
    """
    logits = game.ask(masks)
    outputs = of_class(logits, target, "logit")
    estimate = estimator(masks, logits, target, condition, counts)
    values = estimate(np.ones(len(masks), bool))
    output, base = float(outputs[0]), float(outputs[1])
    return Attribution(
        values=values.astype(np.float32)[game.players],
        output=output,
        base=base,
        additivity_gap=additivity_gap(values, base, output),
        convergence=spearman(values, estimate(designs.first_half(len(masks)))),
        stability=stability(
            values, estimate, designs.parts_of(len(masks), PARTS), options.tolerance
        ),
    )


def estimator(
    masks: Masks,
    logits: Values,
    target: int,
    condition: Condition,
    counts: Floats | None = None,
) -> Callable[[Masks], Floats]:
    """Return the values (…, S) as a function of which samples (…, N) are kept.

    Args:
        masks: Coalitions (N, S); all superpixels in the first, none in the second.
        logits: The model's answers (N, classes).
        target: Index of the class explained.
        condition: Gives the process of which the answers are likely.
        counts: What each mask counts in the fit (N,); None is `sample_weights`.
    """
    outputs = of_class(logits, target, "logit")
    if is_flat(outputs):
        return lambda kept: np.zeros((*kept.shape[:-1], masks.shape[1]))
    weights_of = sample_weights(masks) if counts is None else counts

    def fit(outputs: Floats, kept: Masks) -> Floats:
        return solve(masks[kept], outputs[kept], weights_of[kept])

    process = condition(masks, outputs)
    if process is None:
        return each(lambda kept: fit(outputs, kept))
    credits, centred = process.shapley(), outputs - outputs.mean()

    def estimate(kept: Masks) -> Floats:
        weights = process.weights(centred, kept)
        return np.asarray(weights @ credits + fit(process.left(weights), kept))

    return each(estimate)


def sample_weights(masks: Masks) -> Floats:
    """Return the weight (N,) of each of `designs.coalitions`: its size's, over how often it is met.

    All and none are met exactly by `solve` and have no weight.
    """
    features = masks.shape[1]
    counts = designs.size_counts(len(masks), features)
    weights = np.zeros(features + 1)
    weights[1:-1] = designs.size_weights(features) / np.where(counts > 0, counts, np.inf)
    return np.asarray(weights[masks.sum(1)])


def distinct_weights(masks: Masks) -> Floats:
    """Return the weight (N,) of each of `designs.distinct`: its size's, over how many it has."""
    features, sizes = masks.shape[1], masks.sum(1)
    weights = np.zeros(features + 1)
    weights[1:-1] = designs.size_weights(features)
    return np.asarray(weights[sizes] / np.bincount(sizes)[sizes])


def solve(masks: Masks, outputs: Floats, weights: Floats) -> Floats:
    """Return the values (S,) of the weighted least squares that sum to f(x) − f(background).

    Args:
        masks: Coalitions (N, S); all superpixels in the first, none in the second.
        outputs: The model's answers (N,).
        weights: What each counts (N,); the first two are met exactly and count nothing.

    Where there are fewer coalitions than superpixels, the shortest solution.
    """
    due = outputs[0] - outputs[1]
    # The last value is what the others leave, so the sum is exact (as in `shap`).
    others, last = masks[:, :-1].astype(np.float64), masks[:, -1:].astype(np.float64)
    left = outputs - outputs[1] - last[:, 0] * due
    scale = np.sqrt(weights)[:, None]
    found = np.linalg.lstsq(scale * (others - last), scale[:, 0] * left, rcond=None)[0]
    return np.append(found, due - found.sum())
