"""The layer whose activations class activation maps read, found by rule, and its gradient.

The rule: the last activation, in the order of execution, that has a grid of places and of which the
class's logit depends at nearly every place. Activations come as (N, C, h, w), channels-last as
(N, h, w, C), or as tokens (N, P + h·w, C) whose P first ones belong to no place: class token,
distillation token, registers. Where tokens are merged, four into one, their grid is half of an
earlier one. Attention weights (N, heads, T, T) are no places. As tokens hear from all others in
every block, the last ones tell little of their own places: there, what the normalisations before it
pass on counts as well.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from usable_core.errors import ExplanationError
from usable_core.models.model import Model
from usable_core.models.programs import is_program

Grid = tuple[int, int]
Kind = Literal["channels_first", "channels_last", "tokens"]

NEARLY = 0.9  # share of the places that a gradient must reach
_MOST_PREFIX_TOKENS = 16  # a class token, a distillation token and 4 or 8 registers are usual

# By network and image shape. Not by fingerprint: networks of the same modules and weights may still
# pool their tokens differently.
_found: WeakKeyDictionary[nn.Module, dict[torch.Size, tuple["Layer", ...]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Layer:
    """Where a network's activations are read.

    Attributes:
        name: Of the module whose output they are, as in `named_modules`.
        call: Which of its calls in a pass forward, 0 first.
        kind: How they are laid out.
        grid: Height and width of their grid.
        before: How many tokens before the places belong to none.
    """

    name: str
    call: int
    kind: Kind
    grid: Grid
    before: int = 0

    def on_grid(self, activations: Tensor) -> Tensor:
        """Return activations, or their gradients, as (N, C, h, w)."""
        if self.kind == "channels_first":
            return activations
        if self.kind == "channels_last":
            return activations.permute(0, 3, 1, 2)
        places = activations[:, -self.grid[0] * self.grid[1] :]
        return places.transpose(1, 2).reshape(len(places), -1, *self.grid)


@dataclass
class _Seen:
    """An activation with a grid, and at which share of its places a gradient arrived."""

    layer: Layer
    shape: torch.Size
    is_normalised: bool
    reach: float = 0.0

    def arrived(self, gradient: Tensor) -> None:
        found = self.layer.on_grid(gradient) != 0
        self.reach = float(found.any(1).float().mean())


def known_layers(model: Model, x: Tensor) -> tuple[Layer, ...] | None:
    """Return what `find_layers` found for images of the shape of x (3, H, W), if it did before."""
    return _found.get(model.network, {}).get(x.shape)


def find_layers(model: Model, x: Tensor, target: int) -> tuple[Layer, ...]:
    """Return the layer that the rule finds, and where it holds tokens, their normalisations.

    Takes one evaluation. Remembered for images of this size.

    Args:
        model: Pixels to logits.
        x: Image (3, H, W) in [0, 1].
        target: Class whose logit is differentiated.

    Raises:
        ExplanationError: the network is an exported program, or no activation has a grid.
    """
    seen = _activations(model, x, target)
    last = _last(seen, model)
    layers = (last.layer, *_normalisations(seen, last))
    if last.reach > 0:  # else another image or class may tell more
        _found.setdefault(model.network, {})[x.shape] = layers
    return layers


def activations_and_gradients(
    model: Model, layers: Sequence[Layer], x: Tensor, target: int
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Return logits (classes,) and, of each layer, activations and gradients (C, h, w) each.

    Only what follows the first layer is differentiated: its output is cut off from what made it.

    Args:
        model: Pixels to logits.
        layers: Where.
        x: Image (3, H, W) in [0, 1].
        target: Class whose logit is differentiated.
    """
    kept: dict[Layer, Tensor] = {}
    with ExitStack() as hooks:
        for layer in layers:
            module = model.network.get_submodule(layer.name)
            hooks.callback(module.register_forward_hook(_keeping(layer, kept)).remove)
        with torch.enable_grad():
            logits = model(_alone(model, x))
    found: tuple[Tensor | None, ...] = (None,) * len(layers)
    if logits.requires_grad:
        at = [kept[layer] for layer in layers]
        found = torch.autograd.grad(logits[0, target], at, allow_unused=True)
    pairs = []
    for layer, gradients in zip(layers, found, strict=True):
        activations = kept[layer].detach()
        gradients = torch.zeros_like(activations) if gradients is None else gradients
        pairs.append((layer.on_grid(activations)[0], layer.on_grid(gradients)[0]))
    return logits[0].detach(), pairs


def _keeping(
    layer: Layer, kept: dict[Layer, Tensor]
) -> Callable[[nn.Module, object, Tensor], Tensor | None]:
    """Return a hook that keeps a layer's output, cut off where no other layer is before it."""
    calls = itertools.count()

    def keep(module: nn.Module, inputs: object, output: Tensor) -> Tensor | None:
        if next(calls) != layer.call:
            return None
        kept[layer] = output if output.requires_grad else output.detach().requires_grad_()
        return kept[layer].clone()  # which the next layer may change in place

    return keep


def grid_of(
    shape: Sequence[int], image: Grid, patches: Sequence[Grid] = ()
) -> tuple[Kind, Grid] | None:
    """Return how an activation is laid out and its grid, or None where it has none.

    A grid has the image's proportions, up to one place for rounding.

    Args:
        shape: Of the activation, with the batch.
        image: Height and width of the image.
        patches: Grids seen earlier, such as the patch embedding's, in which tokens may lie.
    """
    if len(shape) == 3 and shape[2] > 1:  # a pooling answers with (N, C, 1)
        found = _grid_of_tokens(shape[1], patches)
        return ("tokens", found) if found else None
    if len(shape) != 4:
        return None
    choices: tuple[tuple[Kind, Grid], ...] = (
        ("channels_first", (shape[2], shape[3])),
        ("channels_last", (shape[1], shape[2])),
    )
    off = {choice: _disproportion(choice[1], image) for choice in choices}
    best = min(choices, key=off.__getitem__)
    return best if off[best] <= 1 else None


def _grid_of_tokens(count: int, patches: Sequence[Grid]) -> Grid | None:
    """Return the grid of so many tokens: one seen earlier, a half of it, or with tokens before."""
    extra = {grid: count - grid[0] * grid[1] for grid in patches}
    fitting = {grid: n for grid, n in extra.items() if 0 <= n <= _MOST_PREFIX_TOKENS}
    best = min(fitting, key=fitting.__getitem__, default=None)
    if best is not None and fitting[best] == 0:
        return best
    merged = (half for grid in patches for half in _halves(grid) if half[0] * half[1] == count)
    return next(merged, best)


def _halves(grid: Grid) -> Iterator[Grid]:
    """Yield a grid merged two by two, again and again, as long as it has places; odd sides pad."""
    while max(grid) > 2:
        grid = -(-grid[0] // 2), -(-grid[1] // 2)
        yield grid


def _activations(model: Model, x: Tensor, target: int) -> list[_Seen]:
    """Return the activations with a grid, in the order of execution, after a pass and back."""
    image = (x.shape[1], x.shape[2])
    with torch.enable_grad(), _watched(model.network, image) as seen:
        pixels = _alone(model, x).requires_grad_()
        logits = model(pixels)
        if logits.requires_grad:
            torch.autograd.grad(logits[0, target], pixels, allow_unused=True)
    return seen


@contextmanager
def _watched(network: nn.Module, image: Grid) -> Iterator[list[_Seen]]:
    """Yield a list that grows by each activation with a grid; it hears of their gradients."""
    seen: list[_Seen] = []
    patches: dict[Grid, None] = {}
    calls: dict[str, Iterator[int]] = {}
    of_pixels: list[str] = []

    def watch(name: str, module: nn.Module, output: object) -> None:
        call = next(calls.setdefault(name, itertools.count()))
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return
        if output.requires_grad:
            of_pixels.append(name)
        elif of_pixels:  # a table of the network's own, such as of positions: weights are frozen
            return
        found = grid_of(output.shape, image, tuple(patches))
        if found is None or output.shape[0] != 1 or _are_shares(output):
            return
        kind, grid = found
        before = output.shape[1] - grid[0] * grid[1] if kind == "tokens" else 0
        if kind != "tokens":
            patches[grid] = None
        is_normalised, at = "norm" in type(module).__name__.lower(), (name, call, kind, grid)
        seen.append(_Seen(Layer(*at, before), output.shape, is_normalised))
        if output.requires_grad:
            output.register_hook(seen[-1].arrived)  # type: ignore[no-untyped-call]

    handles = [
        module.register_forward_hook(lambda at, inputs, out, name=name: watch(name, at, out))
        for name, module in network.named_modules()
        if not is_program(network)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _are_shares(output: Tensor) -> bool:
    """Tell whether rows are shares of 1, as attention weights are."""
    is_one = (output.detach().sum(-1) - 1).abs() < 1e-3
    return output.dim() == 4 and bool((output >= 0).all() and is_one.all())


def _last(seen: list[_Seen], model: Model) -> _Seen:
    """Return the activation that the rule finds among activations in the order of execution.

    Where the last one is not reached, as behind a class token, the next before it of the same
    shape is meant: what lies between are parts of it, such as queries and keys.
    """
    if is_program(model.network):
        raise ExplanationError(
            "Class activation maps read a layer, but an exported program shows only its logits. "
            "Choose LIME, SHAP, integrated gradients or occlusion, or load the architecture with "
            "local weights (--weights FILE)."
        )
    if not seen:
        raise ExplanationError(
            "Class activation maps read the last layer with a grid of places, but no layer of "
            f"{model.name} has one. Choose LIME, SHAP, integrated gradients or occlusion."
        )
    latest = seen[::-1]
    alike = [found for found in latest if found.shape == latest[0].shape]
    for found in (*alike, *latest):
        if found.reach >= NEARLY:
            return found
    return max(latest, key=lambda found: found.reach)


def _normalisations(seen: list[_Seen], last: _Seen) -> list[Layer]:
    """Return the other normalisations of tokens of the same shape, in the order of execution."""
    if last.layer.kind != "tokens":
        return []
    return [
        found.layer
        for found in seen
        if found.is_normalised and found.shape == last.shape and found.layer != last.layer
    ]


def _alone(model: Model, x: Tensor) -> Tensor:
    """Return a batch (1, 3, H, W) of one image, on the model's device, channels-last."""
    batch = x.detach()[None].to(model.device)
    return batch.contiguous(memory_format=torch.channels_last)


def _disproportion(grid: Grid, image: Grid) -> float:
    """Return by how many places a grid misses the image's proportions; no grid misses them all."""
    (h, w), (height, width) = grid, image
    if h * w < 2 or h > height or w > width:
        return float("inf")
    return abs(h * width - w * height) / max(height, width)
