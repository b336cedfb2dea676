"""Linear imputation: hidden pixels filled in from around them, so that no edge tells of it.

Each hidden pixel is the weighted mean of its eight neighbours (direct ones 1/6, diagonal ones 1/12,
renormalised at the border), hidden or not: a sparse linear system, solved here for many masks at
once, on their device, by multigrid.
Reference: Rong et al. 2022, arXiv:2202.00449 (ROAD).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# The last cycle changes no pixel by more; what is left is then below a grey level, 1/255.
TOLERANCE = 0.003
_CYCLES = 30  # at most; about five are enough
_CENTRE = 1 / 3  # what the sum over rows and then columns has of the pixel itself
_TINY = 1e-20  # for quotients of nothing by nothing, where a mask is settled before the others
_COARSEST = 16  # pixels of the side of the grid that is solved exactly
_AT_ONCE = 2  # masks on a CPU, whose caches hold no more


def filled_in(x: Tensor, stays: Tensor, *, tolerance: float = TOLERANCE) -> Tensor:
    """Return an image (3, H, W) with its hidden pixels filled in (N, 3, H, W), without noise.

    Args:
        x: Image in [0, 1]; what it shows where it is hidden does not matter.
        stays: The pixels (N, H, W) bool that are visible. Where none is, all get x's mean colour.
        tolerance: The last cycle changes no pixel by more.
    """
    at_once = _AT_ONCE if x.device.type == "cpu" else max(1, len(stays))
    starts = range(0, len(stays), at_once)
    found = [_filled_in(x, stays[start : start + at_once], tolerance) for start in starts]
    return torch.cat(found) if found else x.new_zeros(0, *x.shape)


def _filled_in(x: Tensor, stays: Tensor, tolerance: float) -> Tensor:
    height, width = x.shape[1:]
    grids = _grids(stays, max(0, math.ceil(math.log2(max(height, width) / _COARSEST))))
    u = _settled(grids, _first_guess(grids, x), tolerance)[:, :, :height, :width]
    is_empty = ~stays.flatten(1).any(1)
    return torch.where(is_empty[:, None, None, None], x.mean((1, 2), keepdim=True), u)


def _first_guess(grids: "list[_Grid]", x: Tensor) -> Tensor:
    """Return the image filled in from the coarsest grid upwards (N, 3, H, W), one step on each."""
    margin = (0, grids[0].width - x.shape[2], 0, grids[0].height - x.shape[1])
    pyramid = [F.pad(x, margin).expand(len(grids[0].hidden), -1, -1, -1)]
    for grid in grids[:-1]:
        pyramid.append(_mean_of_visible(pyramid[-1], grid))
    u = grids[-1].solved(torch.where(grids[-1].hidden, 0.0, pyramid[-1]))
    for grid, known in zip(grids[-2::-1], pyramid[-2::-1], strict=True):
        u = torch.where(grid.hidden, _finer(u), known)
        u = u.addcmul(grid.residual(u), grid.step)
    return u


def _settled(grids: "list[_Grid]", u: Tensor, tolerance: float) -> Tensor:
    """Return the solution (N, 3, H, W) from a guess, by conjugate gradients.

    A V-cycle is the preconditioner. It is not quite symmetrical, so directions are made conjugate
    in Polak's and Ribière's way.
    """
    left = grids[0].residual(u)
    direction, before, scale = torch.zeros_like(u), left, torch.ones_like(u[:, :, :1, :1])
    for _ in range(_CYCLES):
        change = _cycle(grids, left)
        turn = _inner(change, left - before) / scale.clamp(min=_TINY)
        direction = change.addcmul(turn, direction)
        scale = _inner(change, left)
        falls = grids[0].residual(direction)
        length = scale / -_inner(direction, falls).clamp(max=-_TINY)
        step = length * direction
        u = u + step
        before, left = left, left.addcmul(length, falls)
        if float(step.abs().max()) <= tolerance:
            break
    return u


class _Grid:
    """The system on one grid: pixels, or blocks of 2 x 2, 4 x 4, … pixels.

    Attributes:
        hidden: Unknowns (N, 1, H, W) bool. A block is one if all its pixels are.
        inside: 1 (1, 1, H, W) float where the block is part of the image, 0 in a margin that makes
            the sides even.
        unknown: `hidden` as 1 and 0.
        step: `hidden` over the sum of the neighbours' weights (N, 1, H, W).
    """

    def __init__(self, hidden: Tensor, inside: Tensor) -> None:
        self.inside = inside
        self.hidden = hidden & (inside > 0)
        diagonal = _neighbours(inside)
        self.step = self.hidden / diagonal.clamp(min=_TINY)
        self._own = diagonal + _CENTRE
        self.unknown = self.hidden.to(inside)
        self._factors: tuple[Tensor, Tensor] | None = None

    @property
    def height(self) -> int:
        return int(self.hidden.shape[2])

    @property
    def width(self) -> int:
        return int(self.hidden.shape[3])

    def residual(self, u: Tensor) -> Tensor:
        """Return the weighted sum of neighbours minus that of the pixel itself, 0 at known ones.

        Args:
            u: Pixels (N, C, H, W), 0 in the margin.
        """
        return _smeared(u).addcmul_(self._own, u, value=-1).mul_(self.unknown)

    def stepped(self, u: Tensor, right: Tensor) -> Tensor:
        """Return u (N, C, H, W) after a step of Jacobi towards the residual −`right`."""
        left = _smeared(u).addcmul_(self._own, u, value=-1).add_(right)
        return u.addcmul(left, self.step)

    def solved(self, right: Tensor) -> Tensor:
        """Return the exact solution u (N, C, H, W) for the values of known pixels, or a residual.

        Args:
            right: What u is at known pixels, and how far its other pixels are above the weighted
                sum of their neighbours.
        """
        n, channels, height, width = right.shape
        if self._factors is None:
            self._factors = self._factored()
        factors, pivots = self._factors
        found: Tensor = torch.linalg.lu_solve(factors, pivots, right.reshape(n, channels, -1).mT)
        return found.mT.reshape(n, channels, height, width)

    def _factored(self) -> tuple[Tensor, Tensor]:
        n, _, height, width = self.hidden.shape
        unit = torch.eye(height * width, device=self.inside.device)
        between = _neighbours(unit.view(-1, 1, height, width)).view(height * width, -1)
        inner = torch.diag((self._own - _CENTRE).flatten()) - between
        # Without a known pixel there is no one solution: this takes a small one.
        matrix = torch.where(self.hidden.view(n, -1, 1), inner + 1e-6 * unit, unit)
        factors, pivots = torch.linalg.lu_factor(matrix)
        return factors, pivots


def _grids(stays: Tensor, levels: int) -> list[_Grid]:
    """Return the grids, finest first, their sides made even by a margin."""
    height, width = stays.shape[1:]
    block = 2**levels
    margin = (0, -width % block, 0, -height % block)
    hidden = F.pad(~stays[:, None], margin, value=False)
    inside = F.pad(torch.ones(1, 1, height, width, device=stays.device), margin)
    grids = [_Grid(hidden, inside)]
    for _ in range(levels):
        shown = (~grids[-1].hidden & (grids[-1].inside > 0)).float()
        inside = F.max_pool2d(grids[-1].inside, 2)
        grids.append(_Grid(F.max_pool2d(shown, 2) == 0, inside))
    return grids


def _cycle(grids: list[_Grid], residual: Tensor) -> Tensor:
    """Return about what u lacks (N, C, H, W), given its residual: one V-cycle.

    One step of Jacobi before and after: for these weights it takes two thirds off every wave that
    the next grid does not see.
    """
    grid = grids[0]
    if len(grids) == 1:
        return grid.solved(residual)
    change = residual * grid.step
    left = grid.residual(change).add_(residual)
    # A block is twice as wide: the same weights stand for a fourth of the curvature, so that the
    # sum over a block, not the mean, is its residual.
    coarse = _summed(left).mul_(grids[1].unknown)
    change += _finer(_cycle(grids[1:], coarse)).mul_(grid.unknown)
    return grid.stepped(change, residual)


def _neighbours(u: Tensor) -> Tensor:
    """Return the weighted sum (N, C, H, W) of each pixel's eight neighbours; outside is 0."""
    return _smeared(u).sub_(u, alpha=_CENTRE)


def _smeared(u: Tensor) -> Tensor:
    """Return the same plus a third of the pixel itself, for that is rows and then columns."""
    rows = u / 6
    rows[..., 1:, :].add_(u[..., :-1, :], alpha=1 / 12)
    rows[..., :-1, :].add_(u[..., 1:, :], alpha=1 / 12)
    found = rows * 2
    found[..., 1:].add_(rows[..., :-1])
    found[..., :-1].add_(rows[..., 1:])
    return found


def _summed(u: Tensor) -> Tensor:
    """Return the sum over blocks of 2 x 2 (N, C, H/2, W/2)."""
    rows = u[..., ::2, :] + u[..., 1::2, :]
    return rows[..., ::2] + rows[..., 1::2]


def _finer(u: Tensor) -> Tensor:
    return F.interpolate(u, scale_factor=2, mode="bilinear", align_corners=False)


def _mean_of_visible(u: Tensor, grid: _Grid) -> Tensor:
    """Return each block's mean of its known pixels (N, C, H/2, W/2)."""
    shown = (~grid.hidden).to(u) * grid.inside
    return _summed(u * shown) / _summed(shown).clamp(min=_TINY)


def _inner(first: Tensor, second: Tensor) -> Tensor:
    """Return the inner product of each channel of each image (N, C, 1, 1)."""
    return (first * second).sum((2, 3), keepdim=True)
