"""A Keras model as a network of torch: pictures as torch lays them, logits, layers that show.

Keras 3 runs on torch here, so its layers are modules of torch and gradients reach the pixels. What
it does otherwise is undone: the softmax at the end, channels at the end, modes of its own, and
running statistics among the parameters.
"""

import contextlib
import copy
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from usable_core.errors import CheckpointError
from usable_core.inputs.preprocessing import LARGEST_SIDE
from usable_core.models.pixel_range import PixelRange, taken_range
from usable_core.records import brief

Keras = Any  # what Keras makes; it has no types
HOW = 'pip install "usable[keras]"'
_ENDS = ("softmax", "sigmoid")
# Layers that prepare pictures; those that are called Random… do so in training alone.
_PREPARE = ("InputLayer", "Rescaling", "Normalization", "Resizing", "CenterCrop", "Random")


def keras_of_torch() -> Keras:
    """Return the package keras, running on torch.

    Raises:
        CheckpointError: it is not installed, or runs on something else already.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"  # it reads this when it is imported, and never again
    try:
        import keras
    except ImportError as error:
        raise CheckpointError(
            f"Keras models are read by the package keras, but {error.name} is not installed. "
            f"Install it: {HOW}"
        ) from error
    if keras.backend.backend() != "torch":
        raise CheckpointError(
            f"Keras runs on {keras.backend.backend()} in this process, and Usable needs it on "
            "torch. Start Python anew with KERAS_BACKEND=torch, or import usable_core first."
        )
    return keras


class KerasNetwork(nn.Module):
    """A Keras classifier: images (N, 3, H, W) to logits (N, classes).

    Attributes:
        layers: The layers of Keras, so that torch sees their outputs and weights.
        head: From features to logits: torch's own layer with the numbers of Keras's; nothing where
            the model does not end in a `Dense` layer.
        is_bgr: The model takes blue, green, red.
        end: The softmax or sigmoid that was taken off.
    """

    body: Keras
    end: str | None = None

    def __init__(self, body: Keras, head: nn.Module, *, is_bgr: bool = False) -> None:
        """Keep a model.

        Args:
            body: The Keras model up to the features that the head takes.
            head: From them to logits.
            is_bgr: It takes blue, green, red.
        """
        super().__init__()
        self.__dict__["body"] = body  # its layers are the modules, or each weight would be twice
        self.layers = nn.ModuleList(
            layer for layer in body._flatten_layers(include_self=False) if not _inner(layer)
        )
        self.head, self.is_bgr = head, is_bgr
        self._channels_last = _takes_channels_last(body)

    def __deepcopy__(self, memo: dict[int, object]) -> "KerasNetwork":
        """Return a network with weights of its own; Keras's variables cannot be copied."""
        keras = keras_of_torch()
        body = keras.models.clone_model(self.body)
        found = KerasNetwork(body, copy.deepcopy(self.head, memo), is_bgr=self.is_bgr)
        with torch.no_grad():
            pairs = zip(body.variables, self.body.variables, strict=True)
            for variable, own in pairs:
                variable.value.copy_(own.value)
        found.train(self.training)
        return found

    def named_parameters(
        self,
        *args: Keras,
        **kwargs: Keras,
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield what is learned: running statistics are parameters for Keras, and not for torch."""
        fixed = {id(variable.value) for variable in self.body.non_trainable_variables}
        found = super().named_parameters(*args, **kwargs)
        return ((name, own) for name, own in found if id(own) not in fixed)

    def extra_repr(self) -> str:
        """Return what tells it from other models of the same layers."""
        config = json.dumps(self.body.get_config(), sort_keys=True, default=str)
        digest = hashlib.sha256(config.encode()).hexdigest()[:32]
        return f"{digest}, is_bgr={self.is_bgr}"

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        x = x.flip(1) if self.is_bgr else x
        x = x.permute(0, 2, 3, 1) if self._channels_last else x
        found: Tensor = self.head(self.body(x, training=False).float())
        return found


def range_of(network: KerasNetwork) -> PixelRange | None:
    """Return the pixels that a network takes, where layers or steps before its first others tell.

    A model that begins with augmentation, or with another model, is looked at where it learned.
    """
    height, width = (side or 64 for side in first_size(network.body))
    place = next(iter(network.body.variables), None)
    device = None if place is None else place.value.device
    seen: list[Tensor] = []

    def look(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if not seen and inputs and isinstance(inputs[0], Tensor):
            seen.append(inputs[0].detach())

    def begin(value: float) -> Tensor:
        seen.clear()
        with torch.no_grad():
            network(torch.full((1, _channels(network.body), height, width), value, device=device))
        return seen[0] if seen else torch.zeros(1)

    names = {layer: type(layer).__name__ for layer in network.layers}
    others = [one for one, name in names.items() if not name.startswith(_PREPARE)]
    hooks = [layer.register_forward_pre_hook(look) for layer in others]
    found = taken_range(begin)
    for hook in hooks:
        hook.remove()
    return found


def _channels(model: Keras) -> int:
    return int(model.input.shape[-1 if _takes_channels_last(model) else 1])


def network_of(model: Keras, *, is_bgr: bool, name: str) -> KerasNetwork:
    """Return a Keras classifier, as `graph_of` makes it, as a network that gives logits.

    Raises:
        CheckpointError: it holds NaN or infinity, or what is left without its last layer does not
            answer as it does.
    """
    keras = keras_of_torch()
    for variable in model.variables:
        if not bool(torch.isfinite(variable.value).all()):
            raise CheckpointError(
                f"{brief(variable.path)} of {name} holds NaN or infinity. Take weights from before "
                "the training went wrong."
            )
    last, before = model.layers[-1], model.output
    head: nn.Module
    kind = _end_of(last)
    if kind and isinstance(last, (keras.layers.Softmax, keras.layers.Activation)):
        before = last.input
        makers = [one for one in model.layers if one.output is before]
        last = makers[-1] if makers else last
    is_plain = kind is not None or getattr(last, "activation", None) is keras.activations.linear
    if isinstance(last, keras.layers.Dense) and is_plain and _end_of(last) in (None, kind):
        body, head = keras.Model(model.input, last.input), _linear(last)
    elif kind and before is not model.output:
        body, head = keras.Model(model.input, before), nn.Identity()
    else:
        body, head = model, nn.Identity()
        kind = None
    network = KerasNetwork(body, head, is_bgr=is_bgr)
    network.end = kind
    _check_answers(network, model, kind, name)
    return network


def graph_of(model: Keras, name: str) -> Keras:
    """Return a model as a graph from its input to its output, whichever way it was made.

    Raises:
        CheckpointError: it is none from one batch of pictures to one table of numbers, or its
            pictures have other channels or sides than those here.
    """
    takes, gives = (list(getattr(model, side, None) or []) for side in ("inputs", "outputs"))
    shapes = [tuple(one.shape) for one in (*takes, *gives)]
    if [len(takes), len(gives)] != [1, 1] or [len(shape) for shape in shapes] != [4, 2]:
        raise CheckpointError(
            f"{name} must take one batch of pictures and give one number for each class (N, "
            f"classes), but from inputs to outputs its shapes are {shapes}. Save a classifier."
        )
    whole = keras_of_torch().Model(takes[0], gives[0], name=model.name)
    if not {1, 3} & {shapes[0][1], shapes[0][3]}:
        raise CheckpointError(
            f"{name} takes pictures of shape {shapes[0]}, with neither 3 channels (RGB) nor 1 "
            "(grey), and pictures here have those. Save a classifier that takes them."
        )
    if any(side is not None and not 1 <= side <= LARGEST_SIDE for side in first_size(whole)):
        raise CheckpointError(
            f"{name} takes pictures of shape {shapes[0]}, and sides here have 1 to {LARGEST_SIDE} "
            "pixels. Save a classifier of smaller pictures."
        )
    return whole


def first_size(model: Keras) -> tuple[int | None, int | None]:
    """Return height and width of the pictures that a Keras model takes; None for any."""
    shape = model.input.shape
    return (shape[1], shape[2]) if _takes_channels_last(model) else (shape[2], shape[3])


def _inner(layer: Keras) -> bool:
    """Tell whether a layer holds others, which are listed themselves."""
    return bool(list(layer._flatten_layers(include_self=False)))


def _takes_channels_last(model: Keras) -> bool:
    shape = model.input.shape
    return shape[-1] in (1, 3) or shape[1] not in (1, 3)


def _end_of(layer: Keras) -> str | None:
    """Return the softmax or sigmoid that a layer ends with."""
    keras = keras_of_torch()
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    function = getattr(layer, "activation", None)
    called = getattr(function, "__name__", "")
    return called if called in _ENDS else None


def _linear(dense: Keras) -> nn.Linear:
    """Return torch's layer with the numbers of a `Dense` of Keras."""
    features, classes = dense.kernel.shape
    found = nn.Linear(features, classes)
    with torch.no_grad():
        found.weight.copy_(dense.kernel.value.T)
        found.bias.zero_() if dense.bias is None else found.bias.copy_(dense.bias.value)
    return found


def _check_answers(
    network: KerasNetwork,
    model: Keras,
    kind: str | None,
    name: str,
) -> None:
    """Check that the logits, with the end that was taken off, are the model's own answers."""
    height, width = (side or 64 for side in first_size(model))
    x = torch.rand(2, model.input.shape[-1 if network._channels_last else 1], height, width)
    x = x.to(next(iter(network.head.parameters()), x).device)
    with contextlib.suppress(StopIteration), torch.no_grad():
        logits = network(x)
        x = x.flip(1) if network.is_bgr else x
        own = model(x.permute(0, 2, 3, 1) if network._channels_last else x, training=False)
        again = logits if kind is None else getattr(torch, kind)(logits, *_DIM[kind])
        if not torch.allclose(again, own, atol=1e-4, rtol=1e-3):
            raise CheckpointError(
                f"{name} does not answer as its layers say: its last one cannot be taken off. Save "
                "the model with a last layer that gives logits."
            )


_DIM: dict[str, tuple[int, ...]] = {"softmax": (1,), "sigmoid": ()}
