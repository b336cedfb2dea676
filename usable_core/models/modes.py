"""States that a network is put in for a while, and taken out of again."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode without parameter gradients; restore both afterwards.

    The flags are set directly, for exported programs refuse `eval()` and user classes override it.
    """
    modes = {module: module.training for module in network.modules()}
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for module in modes:
        module.training = False
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter in learning:
            parameter.requires_grad_(True)


@contextmanager
def channels_last(network: nn.Module) -> Iterator[None]:
    """Lay the weights out channels-last, in which CPU and CUDA convolve faster; then back."""
    moved = [
        weight
        for weight in network.parameters()
        if weight.ndim == 4 and not weight.is_contiguous(memory_format=torch.channels_last)
    ]
    _lay_out(moved, torch.channels_last)
    try:
        yield
    finally:
        _lay_out(moved, torch.contiguous_format)


@torch.inference_mode(False)
def _lay_out(weights: list[nn.Parameter], layout: torch.memory_format) -> None:
    for weight in weights:
        weight.data = weight.data.contiguous(memory_format=layout)


def batch_norms(network: nn.Module) -> frozenset[str]:
    """Return the names of the layers of batch normalisation."""
    named = network.named_modules()
    return frozenset(name for name, module in named if isinstance(module, _BatchNorm))
