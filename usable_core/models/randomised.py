"""A copy of a network that has forgotten what it learnt, and still tells inputs apart."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from usable_core.models.model import Model
from usable_core.models.outputs import class_logits
from usable_core.models.programs import is_program

# Spread of the logits between the probes over their size: below, float32 rounding is what differs.
_VISIBLE = 1e-4
_MEASURED = (nn.Conv1d, nn.Conv2d, nn.Linear)


def randomised(model: Model, probes: Tensor, *, seed: int = 0) -> Model | None:
    """Return a copy of a model that has forgotten all that it learnt, the same under a seed.

    The model itself is left as it is.

    Layers that know how to begin anew do so; the remaining parameters (class tokens, positions,
    the constants of exported programs) are shuffled. Then, layer by layer, the outputs of
    convolutions and linear layers are brought to mean 0 and variance 1 on the probes, and batch
    normalisation takes its statistics from them: with trained statistics, or through many layers
    without normalisation, the answers would hardly differ between images, and an empty map would
    prove nothing.

    Args:
        model: Pixels, or pieces of a text, to logits.
        probes: Images (N, 3, H, W) in [0, 1], or texts (N, 1, 1, L), between which the copy's
            answers should differ.
        seed: Of the new weights.

    Returns:
        The copy on the same device; None where its weights cannot be replaced, or where its
        answers still do not depend on the input.

    Reference: Mishkin & Matas 2016, arXiv:1511.06422 (scaling by data).
    """
    try:
        network = copy.deepcopy(model.network)
    except (RuntimeError, TypeError):  # a program whose code does not copy
        return None
    probes = model.input.normalise(probes.to(model.device))
    generator = torch.Generator().manual_seed(seed)
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(seed)
        _reset(network, generator)
        with _scaled_by_data(network):
            network(probes)
        logits = class_logits(network(probes))
        if is_program(network):  # its layers could not be scaled one by one
            network = _Scaled(network, float(logits.std()))
            logits = class_logits(network(probes))
    if not min(_relative_spread(logits), _relative_spread(logits.softmax(1))) > _VISIBLE:
        return None
    found = copy.copy(model)
    found.network = network  # the fingerprint stays: it only tells what batch size is fast
    return found


class _Scaled(nn.Module):
    """A program whose logits are divided by their spread, lest every probability be 0 or 1."""

    def __init__(self, program: nn.Module, spread: float) -> None:
        super().__init__()
        self.program, self.spread = program, spread or 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of normalised images (N, 3, H, W)."""
        logits: Tensor = self.program(x) / self.spread
        return logits


def _reset(network: nn.Module, generator: torch.Generator) -> None:
    begun: set[int] = set()
    for module in network.modules():
        name = "_" * isinstance(module, nn.MultiheadAttention) + "reset_parameters"
        begin: Callable[[], None] | None = getattr(module, name, None)
        if begin is not None:
            begin()
            begun.update(id(parameter) for parameter in module.parameters(recurse=False))
    for parameter in network.parameters():
        if id(parameter) not in begun:
            lot = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[lot].view_as(parameter))


@contextmanager
def _scaled_by_data(network: nn.Module) -> Iterator[None]:
    """Let the next pass set each layer's scale and shift, and the statistics of normalisation."""
    seen: set[nn.Module] = set()

    def rescale(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if module in seen:
            return output
        seen.add(module)
        axes = [0, *range(2, output.ndim)]  # (N, C, H, W), (N, C)
        shape = [1, -1] + [1] * (output.ndim - 2)
        if isinstance(module, nn.Linear):  # (N, ..., C)
            axes, shape = list(range(output.ndim - 1)), [-1]
        mean, spread = output.mean(axes), output.std(axes, correction=0)
        spread = torch.where(spread > 1e-6 * (1 + mean.abs()), spread, torch.ones_like(spread))
        weight, bias = (dict(module.named_parameters()).get(name) for name in ("weight", "bias"))
        if weight is None:
            return output
        weight.div_(spread.view(-1, *[1] * (weight.ndim - 1)))
        if bias is None:
            return output / spread.view(shape)
        bias.copy_((bias - mean) / spread)
        return (output - mean.view(shape)) / spread.view(shape)

    layers = [module for module in network.modules() if isinstance(module, _MEASURED)]
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    handles = [layer.register_forward_hook(rescale) for layer in layers]
    for norm in norms:
        norm.training, norm.momentum = True, 1.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.training, norm.momentum = False, momentum
        for handle in handles:
            handle.remove()


def _relative_spread(logits: Tensor) -> float:
    size = float(logits.double().abs().mean())
    return float(logits.double().std(0).mean()) / size if size > 0 else 0.0
