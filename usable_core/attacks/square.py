"""Square: random search that asks for answers only, so masked gradients do not stop it.

Andriushchenko et al. 2020, arXiv:1912.00049, algorithms 2 (Linf) and 3 (L2), with the schedule that
AutoAttack rescales to its number of queries.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from usable_core import randomness
from usable_core.attacks.gradient import Search
from usable_core.attacks.lanes import Answer, Lanes
from usable_core.attacks.norms import per_image, project, size

_FIRST_SHARE = 0.8  # of the pixels in the first square, as AutoAttack has it
# After so many of 10,000 queries the share is halved (section 4.1 of the paper).
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
_STARTS = 2**40  # stream of the first images, apart from those of the squares
_BLOCK = 64  # steps whose random numbers are made together
_TINY = 1e-12


@dataclass(frozen=True)
class Square(Search):
    """One square of new values at a time, kept where the margin shrinks."""

    @property
    def questions(self) -> int:
        """One for each step."""
        return self.spec.steps

    @cached_property
    def _halvings(self) -> Tensor:
        """How often the share of the pixels in the square has been halved, per step."""
        rescaled = torch.arange(self.spec.steps + 1) * 10_000 // max(self.spec.steps, 1)
        return torch.stack([rescaled > at for at in _HALVINGS]).sum(0)

    def begin(self, lanes: Lanes) -> None:
        """Start at the edge of the ball."""
        start = _stripes if self.norm == "linf" else _tiles
        lanes.query = start(lanes)
        channels = lanes.x.shape[1]
        lanes.state["block"] = torch.full_like(lanes.step, -1)
        lanes.state["drawn"] = lanes.x.new_zeros(len(lanes.x), _BLOCK, 5 + channels)

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """Have the next random numbers at hand; which square comes next is proposed when asked."""
        self._draw_blocks(lanes, lanes.step // _BLOCK)
        return lanes.step + 1 >= self.spec.steps

    def propose(self, lanes: Lanes, step: Tensor) -> Tensor:
        """Return what is asked after `step` (L,) questions (L, 3, H, W), by the best so far.

        After none it is the start.
        """
        square = (step - 1).clamp_min(0)
        halvings = self._halvings.to(step.device)[square.clamp_max(self.spec.steps)]
        change = _linf_square if self.norm == "linf" else _l2_squares
        moved = change(lanes, halvings, self._draw(lanes, square))
        is_first = step == 0
        return torch.where(per_image(is_first), lanes.query, moved) if is_first.any() else moved

    def _draw(self, lanes: Lanes, step: Tensor) -> Tensor:
        """Return a step's random numbers (L, 5 + channels) in (0, 1), of each lane's own."""
        self._draw_blocks(lanes, step // _BLOCK)
        drawn = lanes.state["drawn"]
        return drawn[torch.arange(len(drawn), device=drawn.device), step % _BLOCK]

    def _draw_blocks(self, lanes: Lanes, block: Tensor) -> None:
        """Make the random numbers of the lanes that are not in that block of steps yet."""
        drawn = lanes.state["drawn"]
        rows = torch.nonzero(lanes.state["block"] != block)[:, 0]
        if len(rows):
            blocks = self.spec.steps // _BLOCK + 1
            stream = lanes.restart[rows] * blocks + block[rows]
            drawn[rows] = randomness.uniform(lanes.seed[rows], drawn.shape[1:], stream)
            lanes.state["block"][rows] = block[rows]


def _stripes(lanes: Lanes) -> Tensor:
    """Return vertical stripes at the edge of the Linf ball."""
    x, epsilon = lanes.x, lanes.epsilon
    shape = (x.shape[1], 1, x.shape[3])
    stripes = randomness.signs(lanes.seed, shape, lanes.restart + _STARTS)
    return (x + per_image(epsilon) * stripes).clamp_(0, 1)


def _linf_square(lanes: Lanes, halvings: Tensor, drawn: Tensor) -> Tensor:
    """Return the best images with one square at x + epsilon or x − epsilon, by channel.

    That is what adding ±2 epsilon and projecting gives, for all pixels are at the ball's edge.
    Images are worked on as rows of pixels, channels innermost, which is how they lie in memory.
    """
    x, best = lanes.x, lanes.best
    count, channels, height, width = x.shape
    side = _sides(halvings, x).clamp_max(max(min(height, width) - 1, 1))
    rows = _within(drawn[:, 0], side, height)[:, :, None]
    columns = _within(drawn[:, 1], side, width).repeat_interleave(channels, dim=1)[:, None]
    signs = torch.where(drawn[:, 5:] < 0.5, -1.0, 1.0) * lanes.epsilon[:, None]
    edge = (_as_rows(x) + signs.repeat(1, width)[:, None]).clamp_(0, 1)
    inside = (rows.byte() * columns.byte()).view(torch.bool)  # five times as fast as `&`
    moved = torch.where(inside, edge, _as_rows(best))
    return moved.view(count, height, width, channels).permute(0, 3, 1, 2)


def _sides(halvings: Tensor, x: Tensor) -> Tensor:
    """Return the side of a square (L,) in images x (N, 3, H, W), 1 or more."""
    share = _FIRST_SHARE / 2.0**halvings
    return (share * x.shape[2] * x.shape[3]).sqrt().round().clamp_min(1)


def _odd(side: Tensor, room: int) -> Tensor:
    """Return the next odd sides from 3 up, as AutoAttack has them, that fit into `room`."""
    longer = side.clamp_min(3)
    return (longer + (1 - longer % 2)).clamp_max(room - (1 - room % 2))


def _as_rows(x: Tensor) -> Tensor:
    """Return images (L, 3, H, W) as (L, H, W × 3)."""
    return x.permute(0, 2, 3, 1).flatten(2)


def _within(drawn: Tensor, side: Tensor, length: int) -> Tensor:
    """Return which of `length` places lie in a stretch of `side` at a random place (L, length)."""
    first, place = _first(drawn, side, length)[:, None], torch.arange(length, device=drawn.device)
    return (place >= first) & (place < first + side[:, None])


def _first(drawn: Tensor, side: Tensor, length: int) -> Tensor:
    return (drawn * (length - side + 1)).floor()


def _tiles(lanes: Lanes) -> Tensor:
    """Return images changed by a grid of 5 × 5 bumps, on the L2 sphere."""
    x = lanes.x
    channels, height, width = x.shape[1:]
    side = max(min(height, width) // 5, 1)
    down, across = height // side, width // side
    drawn = (
        randomness.signs(lanes.seed, (channels + 1, down, across), lanes.restart + _STARTS)
        .repeat_interleave(side, 2)
        .repeat_interleave(side, 3)
    )
    bump = _bump(side).to(x.device)
    upright, lying = bump.repeat(down, across), bump.T.repeat(down, across)
    grid = drawn[:, 1:] * torch.where(drawn[:, :1] > 0, upright, lying)
    top, left = (height - down * side) // 2, (width - across * side) // 2
    change = torch.zeros_like(x)
    change[:, :, top : top + down * side, left : left + across * side] = grid
    return _on_the_sphere(change, lanes)


def _l2_squares(lanes: Lanes, halvings: Tensor, drawn: Tensor) -> Tensor:
    """Return the best images with the change of one square moved into a bump in another one."""
    x = lanes.x
    channels, height, width = x.shape[1:]
    side = _odd(_sides(halvings, x), min(height, width))
    corner = [_first(drawn[:, k], side, x.shape[2 + k % 2]) for k in range(4)]
    new, old = (_square(corner[k], corner[k + 1], side, (height, width)) for k in (0, 2))
    change = lanes.best - x
    inside = change * new
    unused = (lanes.epsilon**2 - size(change, "l2") ** 2).clamp_min(0)[:, None] / channels
    freed = ((change**2) * (new | old)).sum((2, 3))
    signs = torch.where(drawn[:, 5:] < 0.5, -1.0, 1.0)[:, :, None, None]
    which = (drawn[:, 4] < 0.5).long(), halvings
    bumps = _placed(_bumps(height, width).to(x.device)[which], corner[0], corner[1]) * new
    fresh = bumps * signs + inside / _length(inside)
    fresh *= (freed + unused).sqrt()[:, :, None, None] / _length(fresh)
    change = torch.where(new, fresh, change.masked_fill(old, 0))
    return _on_the_sphere(change, lanes)


def _on_the_sphere(change: Tensor, lanes: Lanes) -> Tensor:
    x, epsilon = lanes.x, lanes.epsilon
    scale = epsilon / size(change, "l2").clamp_min(_TINY)
    return project(x + change * per_image(scale), x, epsilon, "l2")


def _length(change: Tensor) -> Tensor:
    """Return the L2 norm of each channel (L, 3, 1, 1), never 0."""
    length: Tensor = torch.linalg.vector_norm(change, dim=(2, 3), keepdim=True)
    return length.clamp_min(_TINY)


def _square(top: Tensor, left: Tensor, side: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return which pixels lie in each lane's square (L, 1, H, W)."""
    rows, columns = (torch.arange(n, device=top.device) for n in shape)
    in_rows = (rows >= top[:, None]) & (rows < (top + side)[:, None])
    in_columns = (columns >= left[:, None]) & (columns < (left + side)[:, None])
    return (in_rows[:, :, None] & in_columns[:, None, :])[:, None]


def _placed(patterns: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Return patterns (L, H, W) moved down and right, around the edge, as (L, 1, H, W)."""
    count, height, width = patterns.shape
    lane, row, column = (torch.arange(n, device=top.device) for n in (count, height, width))
    rows = (row - top.long()[:, None]) % height
    columns = (column - left.long()[:, None]) % width
    return patterns[lane[:, None, None], rows[:, :, None], columns[:, None, :]][:, None]


@lru_cache(maxsize=4)
def _bumps(height: int, width: int) -> Tensor:
    """Return the bump of each number of halvings, upright and lying (2, 10, H, W), top left."""
    found = torch.zeros(2, len(_HALVINGS) + 1, height, width)
    pixels = found.new_empty(0, 0, height, width)
    sides = _odd(_sides(torch.arange(len(_HALVINGS) + 1), pixels), min(height, width))
    for number, side in enumerate(sides.int().tolist()):
        found[0, number, :side, :side] = _bump(side)
        found[1, number, :side, :side] = _bump(side).T
    return found


def _bump(side: int) -> Tensor:
    """Return the pattern of a square (side, side) of norm 1: a bump above a dent."""
    whole = torch.cat([_half(side // 2, side), -_half(side - side // 2, side)])
    bump: Tensor = whole / whole.norm()
    return bump


def _half(height: int, width: int) -> Tensor:
    """Return nested rectangles (height, width) of norm 1, highest in the middle (eq. 2)."""
    rows = (torch.arange(height) - height // 2).abs()
    columns = (torch.arange(width) - width // 2).abs()
    ring = torch.maximum(rows[:, None], columns[None])
    heights = torch.arange(1, max(height, width) // 2 + 2).float() ** -2
    stacked: Tensor = heights.flip(0).cumsum(0).flip(0)[ring]
    return stacked / torch.linalg.vector_norm(stacked) if height else stacked
