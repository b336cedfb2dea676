"""Where a network ends: its features, its head, and how the head is replaced. By rule.

timm says it itself, and a network may name its heads (`head_names`); any other ends in its last
`Linear`, or, where it has none (SqueezeNet), in its last 1x1 convolution. After `replace_head`, the
head of the features is the network's output, so features can be computed once and cached.
"""

import torch
from torch import Tensor, nn

from usable_core.errors import CheckpointError
from usable_core.models.programs import black_box, is_program


def features(network: nn.Module, x: Tensor) -> Tensor:
    """Return what the head sees, (N, D), for normalised images x (N, 3, H, W).

    Raises:
        CheckpointError: the network is a fixed program that shows only its logits.
    """
    _refuse_programs(network)
    if _is_timm(network):
        pooled: Tensor = network.forward_head(network.forward_features(x), pre_logits=True)  # type: ignore[operator]
        return pooled.flatten(1)
    if hasattr(network, "forward_features"):
        own: Tensor = network.forward_features(x)  # type: ignore[operator]
        return own
    layers = [network.get_submodule(name) for name in _head_names(network)]
    return torch.cat([_input_of(layer, network, x) for layer in layers], 1)


def head(network: nn.Module) -> nn.Module:
    """Return the layer that turns features into logits.

    Raises:
        CheckpointError: the network has no such layer, or hides it.
    """
    _refuse_programs(network)
    if _is_timm(network):
        found = network.get_classifier()  # type: ignore[operator]
        return nn.ModuleList(found) if isinstance(found, tuple) else found
    layers = [network.get_submodule(name) for name in _head_names(network)]
    return layers[0] if len(layers) == 1 else nn.ModuleList(layers)


def replace_head(network: nn.Module, num_classes: int) -> nn.Module:
    """Give the network a new random head for `num_classes` classes, in place, and return it.

    Raises:
        CheckpointError: the network has no head that can be found.
    """
    _refuse_programs(network)
    if _is_timm(network):
        network.reset_classifier(num_classes)  # type: ignore[operator]
        return network
    for name in _head_names(network):
        _replace(network, name, num_classes)
    return network


def with_biases(network: nn.Module) -> nn.Module:
    """Give linear heads without biases those of 0, in place, as each head has that is replaced.

    A network is built again with a head that is replaced, and takes such weights alone.
    """
    for name in () if _is_timm(network) else _head_names(network):
        layer = network.get_submodule(name)
        if isinstance(layer, nn.Linear) and "bias" not in dict(layer.named_parameters()):
            layer.bias = nn.Parameter(layer.weight.new_zeros(layer.out_features))
    return network


def _replace(network: nn.Module, name: str, num_classes: int) -> None:
    old = network.get_submodule(name)
    where = next(old.parameters()).device
    if isinstance(old, nn.Linear):
        new: nn.Module = nn.Linear(old.in_features, num_classes)
        network.set_submodule(name, new.to(where))
        return
    # Fully convolutional: what follows the convolution (ReLU, pooling) belongs to the head too.
    width = next(old.parameters()).shape[1]
    new = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))
    network.set_submodule(name.split(".")[0], new.to(where))


def _is_timm(network: nn.Module) -> bool:
    return hasattr(network, "reset_classifier") and hasattr(network, "forward_head")


def _refuse_programs(network: nn.Module) -> None:
    if is_program(network):
        box = black_box(network)
        what = "an exported program" if box is None else box.title
        raise CheckpointError(
            f"{what[0].upper()}{what[1:]} shows only its logits: it has no features and no head "
            "to replace. Load the architecture with local weights instead (--weights FILE)."
        )


def _head_names(network: nn.Module) -> tuple[str, ...]:
    """Return the names of the layers that give logits; more than one where their mean is given."""
    if own := getattr(network, "head_names", ()):
        return tuple(own)
    for kind in (nn.Linear, nn.Conv2d):
        names: list[str] = [
            name for name, module in network.named_modules() if isinstance(module, kind)
        ]
        if names:
            return (names[-1],)
    raise CheckpointError(
        f"{type(network).__name__} has no linear layer and no convolution, so no head was found."
    )


def _input_of(layer: nn.Module, network: nn.Module, x: Tensor) -> Tensor:
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        network(x)
    finally:
        handle.remove()
    found = seen[-1]
    return found.mean((2, 3)) if found.ndim == 4 else found.flatten(1)  # (N, D, h, w) -> (N, D)
