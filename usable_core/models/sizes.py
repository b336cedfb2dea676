"""How much memory a network asks for, known before it is asked for."""

import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from usable_core.errors import CheckpointError, ConfigError
from usable_core.models.programs import is_program

if TYPE_CHECKING:
    from usable_core.models.model import Model

_LEAST = 2**30  # bytes: what any network may have, whatever its file holds
_FILES = 4  # weights may be stored in a quarter of the bytes that they are computed with
_SMALL = 2**12  # bytes
_MOST_TENSORS = 20_000  # the deepest networks of timm have 3,000
# Bytes of one layer's answer to one picture. The widest of timm's networks, EfficientNet-L2, has
# 0.26 GB at its 800 pixels; several of them are there at once.
MOST_ACTIVATION = 300 * 2**20
_PLAIN_SIDE = 512  # pixels: smaller inputs are not checked


def parameter_count(network: nn.Module) -> int:
    """Return how many weights a network has."""
    return sum(each.numel() for each in network.parameters())


def built(
    name: str,
    make: Callable[[], nn.Module],
    *,
    weights: Path | None = None,
    is_usual: bool = False,
) -> nn.Module:
    """Return the network that `make` builds, unless it is larger than it can be.

    That is half of the machine's memory, or what its weights could fill. It is built once with
    weights that have no numbers (torch's meta device), and where that cannot be done up to the
    limit.

    Args:
        name: The network, for the sentence.
        make: Builds it.
        weights: The file that it is for; None where there is none.
        is_usual: It is built without options, so its size is known to be one that people use.

    Raises:
        CheckpointError: it would be larger; raised before that memory is asked for.
    """
    most, why = memory() / 2, "half of this machine's memory"
    if weights is not None:
        own = max(_LEAST, _FILES * weights.stat().st_size)
        most, why = min((most, why), (own, f"{weights.name} could fill"))

    def check(total: int, count: int) -> None:
        if total > most or count > _MOST_TENSORS:
            raise _TooLarge(
                f"{name} would have over {min(total, most) / 2**30:.1f} GB of weights, or over "
                f"{count:,} tensors: more than {why}. Leave out the options that make it so large."
            )

    if not is_usual:
        with (
            suppress(Exception),  # builders may ask for numbers, and what is wrong is said below
            torch.random.fork_rng([]),
            _Allocations(check, is_trial=True) as trial,
        ):
            make()
        if trial.refusal is not None:
            raise trial.refusal
    with _Allocations(check):
        return make()


def without_numbers(make: Callable[[], nn.Module]) -> nn.Module:
    """Return the network that `make` builds, its large tensors without numbers where that works.

    It is there in a tenth of the time and of the memory, for what is asked of a network's form.
    """
    with (
        suppress(Exception),  # builders may ask for numbers
        torch.random.fork_rng([]),
        _Allocations(lambda *_: None, is_trial=True),
    ):
        return make()
    return make()


class _TooLarge(CheckpointError):
    """A network is larger than it can be."""


def memory() -> float:
    """Return the bytes of this machine's memory; infinity where it does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # not on Windows
        return math.inf


def check_activations(model: "Model") -> None:
    """Check that a network can answer one picture of its input size at all.

    The pass is done on torch's meta device, where tensors have shapes and no numbers. Where the
    network does not run there, nothing is known and nothing is said.

    Raises:
        ConfigError: one layer's answer to one picture would be larger than 0.3 GB.
    """
    if model.kind == "text":  # whose length is bounded
        return
    height, width = model.input_size
    if max(height, width) <= _PLAIN_SIDE or is_program(model.network):
        return
    largest = 0

    def note(size: int) -> None:
        nonlocal largest
        largest = max(largest, size)

    network = model.network
    held = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    shapes = {name: tensor.to("meta") for name, tensor in held.items()}
    x = torch.empty(1, model.preprocessing.channels, height, width, device="meta")
    try:
        with torch.no_grad(), _Answers(note):
            torch.func.functional_call(network, shapes, x)
    except Exception:  # the network's own code, which may need numbers
        return
    if largest > MOST_ACTIVATION:
        raise ConfigError(
            f"{model.name} needs {largest / 2**30:.1f} GB for what one of its layers answers to "
            f"one picture of {height} × {width} pixels, and at most "
            f"{MOST_ACTIVATION / 2**30:.1f} GB are given. Choose a smaller crop."
        )


class _Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells the bytes and the number of tensors that are made from nothing, before each is made.

    In a trial the large ones are made without numbers; small ones are what builders count with.
    """

    def __init__(self, check: Callable[[int, int], None], *, is_trial: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._check, self._total, self._count, self._is_trial = check, 0, 0, is_trial
        self.refusal: _TooLarge | None = None

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - an operation of torch
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if (size := _asked_for(func, args, kwargs)) is not None:
            self._total, self._count = self._total + size, self._count + 1
            try:
                self._check(self._total, self._count)
            except _TooLarge as error:
                self.refusal = error  # whatever the builder makes of it
                raise
            if self._is_trial and size > _SMALL and _is_filled(func):
                kwargs = {**kwargs, "device": "meta"}
        elif self._is_trial and func.__name__.partition(".")[0].endswith("_"):
            first = args[0] if args else None
            if isinstance(first, torch.Tensor) and first.is_meta:  # no numbers to be changed
                return first
        return func(*args, **kwargs)


class _Answers(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells the bytes of each tensor that comes out of an operation."""

    def __init__(self, note: Callable[[int], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._note = note

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        found = func(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor):
            self._note(found.numel() * found.element_size())
        return found


def _asked_for(
    func: Any,  # noqa: ANN401 - an operation of torch
    args: tuple[object, ...],
    kwargs: Mapping[str, Any],
) -> int | None:
    """Return the bytes that an operation makes from nothing; None of one that makes none."""
    name = func._schema.name.removeprefix("aten::")
    numbers = [int(a) for a in args if isinstance(a, int | float) and math.isfinite(a)]
    if args and isinstance(args[0], list | tuple) and _is_filled(func):
        count = math.prod(args[0])
    elif name == "eye" and numbers:
        count = numbers[0] * numbers[-1]
    elif name in ("arange", "linspace", "randperm") and numbers:
        count = max(numbers)
    else:
        return None
    dtype = kwargs.get("dtype") or torch.get_default_dtype()
    return int(count * dtype.itemsize)


def _is_filled(func: Any) -> bool:  # noqa: ANN401 - an operation of torch
    """Tell whether an operation makes a tensor of the sizes that are its first argument."""
    name = func._schema.name.removeprefix("aten::")
    return name in ("empty", "zeros", "ones", "full", "rand", "randn", "empty_strided")
