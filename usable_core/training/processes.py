"""Processes that share the steps of one training: `torch.distributed`, or this one alone.

Each takes parts of every step; what they found is added up, so all hold the same weights. Torch's
`DistributedDataParallel` averages gradients as if each process had as many examples, and keeps the
batch statistics of the first: here parts count by their examples, and statistics by all parts.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from usable_core.asking.batch_size import is_out_of_memory
from usable_core.device import best_device
from usable_core.errors import ConfigError, ProcessLost

BUCKET = 8_000_000  # numbers that are sent together
LONGEST_WAIT = timedelta(days=7)  # of one process for another: the first one validates alone

T = TypeVar("T")


def check_devices(wanted: int) -> None:
    """Check that so many processes have a device each.

    Raises:
        ConfigError: they have not.
    """
    device = best_device()
    if str(device) not in ("cpu", "cuda"):
        raise ConfigError(f"processes must be left out on this one device, {device}.")
    if device.type == "cuda" and torch.cuda.device_count() < wanted:
        raise ConfigError(
            f"processes is {wanted}, one GPU each, and this machine shows "
            f"{torch.cuda.device_count()}. Ask for no more, or for parts by --micro-batch."
        )


@contextmanager
def joined() -> Iterator[int]:
    """Be one of the processes that `torchrun` started, and yield which."""
    has_gpu = best_device().type == "cuda"
    if has_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if has_gpu else "gloo", timeout=LONGEST_WAIT)
    yield rank()
    dist.destroy_process_group()


def count() -> int:
    """Return how many processes there are."""
    return dist.get_world_size() if _is_group() else 1


def rank() -> int:
    """Return which of them this is, from 0."""
    return dist.get_rank() if _is_group() else 0


def from_first(make: Callable[[], T]) -> T:
    """Return what the first process makes; the others wait for it."""
    if not _is_group():
        return make()
    found = [make() if rank() == 0 else None]
    with _others():
        dist.broadcast_object_list(found)
    return cast(T, found[0])


def of_first(value: T) -> T:
    """Return the first process's value of what each made for itself."""
    return from_first(lambda: value)


def is_any(flag: bool, device: torch.device) -> bool:
    """Tell whether a flag is up in one process or more."""
    if not _is_group():
        return flag
    flags = torch.tensor(float(flag), device=device)
    _sum(flags)
    return bool(flags > 0)


def add_up(tensors: Iterable[Tensor]) -> None:
    """Add up tensors over all processes, in place.

    Raises:
        ProcessLost: another one is gone; so do all functions here.
    """
    if not _is_group():
        return
    for bucket in _buckets(list(tensors)):
        flat = torch.cat([tensor.flatten() for tensor in bucket])
        _sum(flat)
        for tensor, total in zip(
            bucket, torch.split(flat, [t.numel() for t in bucket]), strict=True
        ):
            tensor.copy_(total.view_as(tensor))


def add_up_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Add up gradients over all processes; a weight that has none anywhere still has none."""
    if not _is_group():
        return
    has_one = torch.tensor([float(p.grad is not None) for p in parameters])
    has_one = has_one.to(parameters[0].device)
    _sum(has_one)
    chosen = [p for p, is_moved in zip(parameters, has_one.tolist(), strict=True) if is_moved]
    for parameter in chosen:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    add_up(cast(Tensor, parameter.grad) for parameter in chosen)


def _sum(tensor: Tensor) -> None:
    with _others():
        dist.all_reduce(tensor)


@contextmanager
def _others() -> Iterator[None]:
    """Have it told that another process is gone, where torch says what its socket said."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise ProcessLost from error


def _is_group() -> bool:
    return dist.is_available() and dist.is_initialized()


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield tensors of one type together, up to a size."""
    for kind in dict.fromkeys(tensor.dtype for tensor in tensors):
        found: list[Tensor] = []
        for tensor in (t for t in tensors if t.dtype == kind):
            if found and sum(t.numel() for t in (*found, tensor)) > BUCKET:
                yield found
                found = []
            found.append(tensor)
        yield found
