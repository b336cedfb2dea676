"""Random noise of the attack's size: the baseline that every real attack must beat."""

import torch
from torch import Tensor

from usable_core.attacks.checks import check_budget, check_logits
from usable_core.attacks.gradient import log_odds_loss
from usable_core.attacks.norms import random_edge
from usable_core.evaluations.specs import Norm
from usable_core.models.model import Model, check_pixels
from usable_core.models.modes import frozen


def noise(
    model: Model,
    x: Tensor,
    y: Tensor,
    epsilon: float,
    *,
    norm: Norm,
    steps: int,
    restarts: int,
    step_size: float | None,
    seeds: Tensor,
) -> Tensor:
    """Return images (N, 3, H, W) at random corners (Linf) or on the sphere (L2) around x, clipped.

    With one restart the model is not asked; with more, the draw of the highest loss counts.
    `steps` and `step_size` are not looked at.

    Raises:
        AttackError: epsilon or outputs are not what an attack needs.
        ImageRefused: pixels are not in [0, 1].
    """
    check_budget(epsilon, norm, x.shape[1:])
    if epsilon == 0 or len(x) == 0:
        return x.clone()
    x = check_pixels(x.detach().float())
    best = random_edge(x, epsilon, norm, seeds)
    if restarts == 1:
        return best
    best_loss = _loss(model, best, y)
    for restart in range(1, restarts):
        drawn = random_edge(x, epsilon, norm, seeds, restart)
        loss = _loss(model, drawn, y)
        better = loss > best_loss
        best[better], best_loss[better] = drawn[better], loss[better]
    return best


def _loss(model: Model, x: Tensor, y: Tensor) -> Tensor:
    """Return the loss (N,), infinite where the model is fooled."""
    with frozen(model.network), torch.no_grad():
        logits = model(x)
    check_logits(logits)
    return log_odds_loss(logits.float(), y).masked_fill(logits.argmax(1) != y, torch.inf)
