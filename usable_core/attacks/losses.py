"""What attacks raise: losses (N,) of logits (N, classes), higher where the true class y is weaker.

Which of them can be used follows from the number of classes: `fitting_loss` says which.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # logits, y, target -> (N,)


def log_odds(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Return the log odds (N,) of a wrong answer: logsumexp over the other classes minus z_y.

    Cross-entropy is softplus of it, so both are climbed in the same direction and ranked the same;
    this one keeps its gradient where cross-entropy rounds to zero on confident models.
    """
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.logsumexp(1) - _of(logits, y)


def margin(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Return max over the other classes minus z_y (N,): positive exactly where the answer is wrong.

    Reference: Carlini & Wagner 2017, arXiv:1608.04644, f6.
    """
    return logits.scatter(1, y[:, None], -torch.inf).amax(1) - _of(logits, y)


def dlr(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Return the difference of logits ratio (N,); 3 or more classes.

    Reference: Croce & Hein 2020, arXiv:2003.01690, eq. 6.
    """
    top = logits.topk(3, dim=1).values
    return margin(logits, y, target) / (top[:, 0] - top[:, 2] + 1e-12)


def targeted_dlr(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Return the targeted difference of logits ratio (N,); 4 or more classes.

    Reference: Croce & Hein 2020, arXiv:2003.01690, eq. 7.
    """
    top = logits.topk(4, dim=1).values
    return targeted_margin(logits, y, target) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + 1e-12)


def targeted_margin(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Return z_target minus z_y (N,)."""
    return _of(logits, target) - _of(logits, y)


LOSSES: dict[str, Loss] = {
    "cross_entropy": log_odds,
    **{loss.__name__: loss for loss in (margin, dlr, targeted_dlr, targeted_margin)},
}
_LEAST_CLASSES = {"dlr": (3, "margin"), "targeted_dlr": (4, "targeted_margin")}


def fitting_loss(name: str, classes: int) -> Loss:
    """Return the loss `name`, or what takes its place where there are too few classes for it.

    Raises:
        KeyError: there is no loss of that name.
    """
    least, instead = _LEAST_CLASSES.get(name, (2, name))
    return LOSSES[name if classes >= least else instead]


def _of(logits: Tensor, index: Tensor) -> Tensor:
    return logits.gather(1, index[:, None])[:, 0]
