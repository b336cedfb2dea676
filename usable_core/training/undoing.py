"""`undone`: passes of a training before its first step, which leave no trace."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def undone(modules: Sequence[nn.Module], device: torch.device) -> Iterator[None]:
    """Put buffers, gradients and generators back to what they were before."""
    buffers = [buffer for module in modules for buffer in module.buffers()]
    before = [buffer.clone() for buffer in buffers]
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)
        for module in modules:
            module.zero_grad(set_to_none=True)
