"""One attack over increasing budgets, on one batch of examples that is small enough to hold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Attack = Callable[[Tensor, Tensor, float, Tensor], Tensor]  # x, y, epsilon, seeds -> x_adv
Classify = Callable[[Tensor], Tensor]  # x -> predictions


@dataclass(frozen=True)
class Level:
    """Where the examples stand at one budget.

    Attributes:
        epsilon: The budget.
        prediction: Answer (N,) to `x_adv`.
        found_epsilon: The budget whose attack broke the example (N,); NaN while none did.
        x_adv: The worst images found at this or a smaller budget (N, 3, H, W).
    """

    epsilon: float
    prediction: Tensor
    found_epsilon: Tensor
    x_adv: Tensor


def sweep(
    attack: Attack,
    classify: Classify,
    x: Tensor,
    y: Tensor,
    clean_prediction: Tensor,
    epsilons: Sequence[float],
    seeds: Tensor,
) -> Iterator[Level]:
    """Yield the state at each budget, in increasing order.

    Examples that are wrong when clean are not attacked. What fooled the model at a smaller budget
    is allowed at every larger one, so it is carried up. Whatever an attack returns is classified
    again: only a changed answer counts as broken.
    """
    prediction = clean_prediction.clone()
    found = torch.full(y.shape, torch.nan, dtype=torch.float64, device=y.device)
    x_adv = x.clone()
    for epsilon in epsilons:
        alive = torch.nonzero(prediction == y)[:, 0]
        if epsilon > 0 and len(alive) > 0:
            x_adv[alive] = attack(x[alive], y[alive], epsilon, seeds[alive.to(seeds.device)])
            prediction[alive] = classify(x_adv[alive])
            found[alive[prediction[alive] != y[alive]]] = epsilon
        yield Level(epsilon, prediction.clone(), found.clone(), x_adv)

