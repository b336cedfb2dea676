"""Geometry of the budgets: size, projection, steepest direction and random points, per norm.

A budget is one number for all examples or one per example (N,): lanes of one batch may be attacked
at different budgets.
"""

import math

import torch
from torch import Tensor

from usable_core import randomness
from usable_core.errors import AttackError
from usable_core.evaluations.specs import Norm

# Float32 rounding of a rescaled perturbation must not leave the ball.
_INWARD = 1 - 1e-6
# Share of the pixels that one step in L1 moves (Tramèr & Boneh 2019, arXiv:1904.13000).
_SPARSITY = 0.05
_RADIUS_STREAM = 2**32  # apart from the streams of directions, which are numbered by restart


def per_image(value: Tensor) -> Tensor:
    """Return numbers (N,) as (N, 1, 1, 1), which multiply images."""
    shaped: Tensor = value.reshape(-1, 1, 1, 1)
    return shaped


def size(perturbation: Tensor, norm: Norm) -> Tensor:
    """Return the norm (N,) of perturbations (N, 3, H, W)."""
    order = {"linf": torch.inf, "l2": 2, "l1": 1}[norm]
    length: Tensor = torch.linalg.vector_norm(perturbation, ord=order, dim=(1, 2, 3))
    return length


def largest_budget(norm: Norm, shape: tuple[int, ...]) -> float:
    """Return the largest perturbation of images of `shape` (3, H, W) in [0, 1]."""
    pixels = math.prod(shape)
    return {"linf": 1.0, "l2": math.sqrt(pixels), "l1": float(pixels)}[norm]


def check_budget(epsilon: float, norm: Norm, shape: tuple[int, ...]) -> None:
    """Check that epsilon is a budget for images of `shape` (3, H, W).

    Raises:
        AttackError: it is negative, not finite, or larger than any perturbation can be.
    """
    largest = largest_budget(norm, shape)
    if not (math.isfinite(epsilon) and 0 <= epsilon <= largest):
        raise AttackError(
            f"epsilon must be between 0 and {largest:g} for the norm {norm} at {shape[-2]} x "
            f"{shape[-1]} pixels in [0, 1], but is {epsilon!r}. One grey level is 1/255."
        )


def project(x_adv: Tensor, x: Tensor, epsilon: Tensor | float, norm: Norm) -> Tensor:
    """Return the images nearest to x_adv within epsilon of x, then clipped to [0, 1].

    Clipping moves every pixel towards x, which is in [0, 1], so it never leaves the ball.
    """
    budget = _budget(epsilon)
    if norm == "linf":
        return torch.minimum(torch.maximum(x_adv, x - budget), x + budget).clamp_(0, 1)
    perturbation = x_adv - x
    length = size(perturbation, norm).view(-1, 1, 1, 1)
    if norm == "l2":
        shrunk = perturbation * torch.where(
            length > budget, budget * _INWARD / length.clamp_min(1e-12), torch.ones_like(length)
        )
    else:
        shrunk = torch.where(length > budget, _onto_l1(perturbation, budget), perturbation)
    return (x + shrunk).clamp_(0, 1)


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """Return the direction of size 1 that raises the loss most; 0 where the gradient is 0.

    In L1 the single best pixel would be it; the best 5 % share the step instead.
    """
    if norm == "linf":
        return gradient.sign()
    if norm == "l1":
        flat = gradient.flatten(1).abs()
        count = max(1, int(_SPARSITY * flat.shape[1]))
        least = flat.topk(count, dim=1).values[:, -1:]
        chosen = (flat >= least.clamp_min(1e-30)).view_as(gradient)
        direction = gradient.sign() * chosen
    else:
        # Divided by its largest entry first: squares of tiny gradients would underflow.
        largest = gradient.abs().amax((1, 2, 3), keepdim=True)
        direction = gradient / torch.where(largest > 0, largest, torch.ones_like(largest))
    length = size(direction, norm).view(-1, 1, 1, 1)
    return direction / torch.where(length > 0, length, torch.ones_like(length))


def random_start(
    x: Tensor, epsilon: Tensor | float, norm: Norm, seeds: Tensor, restart: Tensor | int = 0
) -> Tensor:
    """Return images drawn from the ball around x (N, 3, H, W), clipped to [0, 1].

    Uniform in the ball for Linf and L2.
    """
    shape = x.shape[1:]
    if norm == "linf":
        unit = randomness.uniform(seeds, shape, restart) * 2 - 1
    else:
        radius = randomness.uniform(seeds, (1,), restart + _RADIUS_STREAM)
        unit = _unit_normal(x, norm, seeds, restart) * per_image(radius ** (1 / shape.numel()))
    return project(x + _budget(epsilon) * unit, x, epsilon, norm)


def random_edge(
    x: Tensor, epsilon: Tensor | float, norm: Norm, seeds: Tensor, restart: Tensor | int = 0
) -> Tensor:
    """Return images drawn from the edge of the ball: its corners (Linf) or the sphere (L2, L1)."""
    if norm == "linf":
        unit = randomness.signs(seeds, x.shape[1:], restart)
    else:
        unit = _unit_normal(x, norm, seeds, restart)
    return project(x + _budget(epsilon) * unit, x, epsilon, norm)


def _budget(epsilon: Tensor | float) -> Tensor | float:
    return per_image(epsilon) if isinstance(epsilon, Tensor) else epsilon


def _unit_normal(x: Tensor, norm: Norm, seeds: Tensor, restart: Tensor | int) -> Tensor:
    direction = randomness.normal(seeds, x.shape[1:], restart)
    return direction / size(direction, norm).view(-1, 1, 1, 1)


def _onto_l1(perturbation: Tensor, budget: Tensor | float) -> Tensor:
    """Return the nearest perturbations of L1 norm `budget` (Duchi et al. 2008, figure 1)."""
    flat = perturbation.flatten(1)
    ordered = flat.abs().sort(dim=1, descending=True).values
    radius = budget.flatten(1) if isinstance(budget, Tensor) else budget
    rank = torch.arange(1, flat.shape[1] + 1, device=flat.device)
    threshold = (ordered.cumsum(1) - radius) / rank
    last = (ordered > threshold).sum(1, keepdim=True).clamp_min(1) - 1
    cut = threshold.gather(1, last).clamp_min(0)
    shrunk = flat.sign() * (flat.abs() - cut).clamp_min(0)
    return (shrunk * _INWARD).view_as(perturbation)
