"""Geometry of the budgets: size, projection, steepest direction and random points, per norm.

Randomness comes from one seed per example, drawn on the CPU, so that neither the order, the batch
size nor the device changes where an attack starts.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from usable_core.evaluations.specs import Norm

# Float32 rounding of a rescaled perturbation must not leave the ball.
_INWARD = 1 - 1e-6
# Spreads restarts over the generator's seeds (the golden ratio in 64 bits, Knuth's multiplier).
_SPREAD = 0x9E3779B97F4A7C15

Draw = Callable[[torch.Size, torch.Generator], Tensor]


def size(perturbation: Tensor, norm: Norm) -> Tensor:
    """Return the norm (N,) of perturbations (N, 3, H, W)."""
    flat = perturbation.flatten(1)
    return flat.abs().amax(1) if norm == "linf" else torch.linalg.vector_norm(flat, dim=1)


def project(x_adv: Tensor, x: Tensor, epsilon: float, norm: Norm) -> Tensor:
    """Return the images nearest to x_adv within epsilon of x, then clipped to [0, 1].

    Clipping moves every pixel towards x, which is in [0, 1], so it never leaves the ball.
    """
    if norm == "linf":
        inside = torch.minimum(torch.maximum(x_adv, x - epsilon), x + epsilon)
        return inside.clamp_(0, 1)
    perturbation = x_adv - x
    length = size(perturbation, norm)
    factor = torch.where(length > epsilon, epsilon * _INWARD / length, torch.ones_like(length))
    return (x + perturbation * factor.view(-1, 1, 1, 1)).clamp_(0, 1)


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """Return the direction of size 1 that raises the loss most; 0 where the gradient is 0."""
    if norm == "linf":
        return gradient.sign()
    # Divided by its largest entry first: squares of tiny gradients would underflow.
    largest = gradient.abs().amax((1, 2, 3), keepdim=True)
    gradient = gradient / torch.where(largest > 0, largest, torch.ones_like(largest))
    length = size(gradient, norm).view(-1, 1, 1, 1)
    return gradient / torch.where(length > 0, length, torch.ones_like(length))


def random_start(x: Tensor, epsilon: float, norm: Norm, seeds: Tensor, restart: int = 0) -> Tensor:
    """Return images drawn uniformly from the ball around x (N, 3, H, W), clipped to [0, 1]."""
    unit = _draw(x, seeds, restart, _in_unit_cube if norm == "linf" else _in_unit_ball)
    return project(x + epsilon * unit, x, epsilon, norm)


def random_edge(x: Tensor, epsilon: float, norm: Norm, seeds: Tensor, restart: int = 0) -> Tensor:
    """Return images drawn from the edge of the ball: its corners (Linf) or the sphere (L2)."""
    unit = _draw(x, seeds, restart, _unit_corner if norm == "linf" else _on_unit_sphere)
    return project(x + epsilon * unit, x, epsilon, norm)


def _in_unit_cube(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * 2 - 1


def _unit_corner(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, shape, generator=generator).float() * 2 - 1


def _on_unit_sphere(shape: torch.Size, generator: torch.Generator) -> Tensor:
    direction = torch.randn(shape, generator=generator)
    unit: Tensor = direction / direction.norm()
    return unit


def _in_unit_ball(shape: torch.Size, generator: torch.Generator) -> Tensor:
    radius = torch.rand((), generator=generator) ** (1 / shape.numel())
    return _on_unit_sphere(shape, generator) * radius


def _draw(x: Tensor, seeds: Tensor, restart: int, draw: Draw) -> Tensor:
    units = []
    for seed in seeds.tolist():
        mixed = (seed + restart * _SPREAD) % 2**63
        units.append(draw(x.shape[1:], torch.Generator().manual_seed(mixed)))
    return torch.stack(units).to(x)
