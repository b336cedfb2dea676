"""In which number format a device answers sooner: timed on the work itself, not read off it."""

import time
from collections.abc import Callable

import torch

from usable_core.evaluations.specs import Precision

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
_GAIN = 1.1  # bfloat16 must be this many times as fast: less is noise, and float32 is exact
_ROUNDS = 2  # of each format, by turns; the faster counts


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return the context in which passes on a device are computed in a number format."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def faster_precision(step: Callable[[], object], device: torch.device) -> Precision:
    """Return the number format in which one step of the work is over sooner on a device.

    Args:
        step: One step of the work; repeating it must do no harm.
        device: Where it works.
    """
    seconds: dict[Precision, float] = dict.fromkeys(PRECISIONS, float("inf"))
    for turn in range(_ROUNDS + 1):  # the first is a warm-up: kernels are chosen and compiled
        for precision in PRECISIONS:
            began = now(device)
            with autocast(device, precision):
                step()
            if turn > 0:
                seconds[precision] = min(seconds[precision], now(device) - began)
    return "bfloat16" if seconds["float32"] > _GAIN * seconds["bfloat16"] else "float32"


def now(device: torch.device) -> float:
    """Return a clock (s) at which all work of a device is over."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
