"""FGSM and PGD: attacks that follow the gradient of the loss with respect to the pixels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from usable_core.attacks.checks import check_budget, check_logits
from usable_core.attacks.norms import project, random_start, steepest
from usable_core.errors import AttackError
from usable_core.evaluations.specs import Norm
from usable_core.models.model import Model, check_pixels
from usable_core.models.modes import frozen

# Steps add up to more than the ball's diameter, so every start can reach every point of its edge
# (Madry et al. 2018 use the same factor).
REACH = 2.5

Start = Callable[[Tensor, Tensor, int], Tensor]  # origin, positions in the batch, restart -> x_adv
Move = Callable[[Tensor, Tensor, Tensor], Tensor]  # x_adv, gradient, origin -> next x_adv


def log_odds_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Return the log odds (N,) of a wrong answer: logsumexp over the other classes minus z_y.

    Cross-entropy is softplus of it, so sign steps and normalised steps climb both the same way;
    this one keeps its gradient where cross-entropy rounds to zero on confident models.
    """
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.logsumexp(1) - logits.gather(1, y[:, None])[:, 0]


def fgsm(
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
    """Return images (N, 3, H, W) one gradient step of size epsilon away from x.

    Deterministic, so `steps`, `restarts`, `step_size` and `seeds` are not looked at.

    Raises:
        AttackError: epsilon or outputs are not what an attack needs.
        ImageRefused: pixels are not in [0, 1].

    Reference: Goodfellow et al. 2015, arXiv:1412.6572.
    """
    check_budget(epsilon, norm, x.shape[1:])
    if epsilon == 0 or len(x) == 0:
        return x.clone()
    with _differentiating(model):
        x = _prepared(x).requires_grad_()
        loss, _ = _evaluate(model, x, y.clone())
        gradient = _gradient(loss, x)
    x = x.detach()
    return project(x + epsilon * steepest(gradient, norm), x, epsilon, norm)


def pgd(
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
    """Return the worst images (N, 3, H, W) that projected gradient ascent found near x.

    Every iterate is classified. The first that fools the model ends the work on its example, and
    the batch shrinks; where none does, the one of the highest loss is returned.

    Args:
        model: Attacked in evaluation mode; its weights and mode are left as they were.
        x: Images (N, 3, H, W) in [0, 1].
        y: True class (N,), indices into the logits.
        epsilon: Budget in units of the [0, 1] pixel range.
        norm: Norm of the budget.
        steps: Gradient steps of each restart.
        restarts: Random starts inside the ball.
        step_size: As a multiple of epsilon; None is 2.5 / steps.
        seeds: Seed of each example's random starts (N,) int64.

    Raises:
        AttackError: epsilon or outputs are not what an attack needs.
        ImageRefused: pixels are not in [0, 1].

    Reference: Madry et al. 2018, arXiv:1706.06083.
    """
    check_budget(epsilon, norm, x.shape[1:])
    if epsilon == 0 or len(x) == 0:
        return x.clone()
    step = epsilon * (REACH / steps if step_size is None else step_size)

    def start(origin: Tensor, chosen: Tensor, restart: int) -> Tensor:
        return random_start(origin, epsilon, norm, seeds[chosen.to(seeds.device)], restart)

    def move(x_adv: Tensor, gradient: Tensor, origin: Tensor) -> Tensor:
        return project(x_adv + step * steepest(gradient, norm), origin, epsilon, norm)

    with _differentiating(model):
        return _worst(model, _prepared(x), y.clone(), start, move, steps=steps, restarts=restarts)


def _worst(
    model: Model, x: Tensor, y: Tensor, start: Start, move: Move, *, steps: int, restarts: int
) -> Tensor:
    """Return the worst iterate per example over steps and restarts; the fooled leave the batch."""
    best = x.clone()
    best_loss = torch.full((len(x),), -torch.inf, device=x.device)
    alive = torch.arange(len(x), device=x.device)
    for restart in range(restarts):
        x_adv = start(x[alive], alive, restart)
        for done in range(steps + 1):
            is_last = done == steps
            x_adv = x_adv.contiguous(memory_format=torch.channels_last)
            x_adv.requires_grad_(not is_last)
            loss, is_fooled = _evaluate(model, x_adv, y[alive])
            better = is_fooled | (loss.detach() > best_loss[alive])
            best[alive[better]] = x_adv.detach()[better]
            best_loss[alive[better]] = loss.detach()[better]
            alive = alive[~is_fooled]
            if len(alive) == 0:
                return best
            if not is_last:
                gradient = _gradient(loss, x_adv)[~is_fooled]
                x_adv = move(x_adv.detach()[~is_fooled], gradient, x[alive])
    return best


@contextmanager
def _differentiating(model: Model) -> Iterator[None]:
    """Freeze the model and record gradients, whatever mode the caller is in."""
    with frozen(model.network), torch.inference_mode(False), torch.enable_grad():
        yield


def _prepared(x: Tensor) -> Tensor:
    return check_pixels(x.detach().float()).contiguous(memory_format=torch.channels_last)


def _evaluate(model: Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss (N,), differentiable where x is, and whether each example is fooled (N,)."""
    logits = model(x)
    check_logits(logits)
    return log_odds_loss(logits.float(), y), logits.detach().argmax(1) != y


def _gradient(loss: Tensor, x: Tensor) -> Tensor:
    """Return the gradient of the summed loss with respect to the pixels alone."""
    if not loss.requires_grad:
        raise AttackError(
            "The model's outputs carry no gradient to its input, so a gradient attack is blind. "
            "Choose the attack noise, or load the network from its weights."
        )
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    if not torch.isfinite(gradient).all():
        raise AttackError(
            "The gradient of the model's loss is not finite, so a gradient attack would be blind. "
            "Choose the attack noise."
        )
    return gradient
