"""Compiled steps beside steps as they are: forward and backward passes of a training.

    python -m benchmarks.compiled_steps [resnet vgg vit resnet18] [--rounds 5]

Compiling is timed with an empty cache, its compilers' processor time too, and by one process alone.
It pays from so many steps on as its time, and the margin that a training asks for, take to save.
"""

import argparse
import os
import resource
import tempfile
from collections.abc import Callable
from unittest import mock

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

import usable_core as usable
from benchmarks._arguments import one_of
from benchmarks._timing import conditions, interleave
from usable_core.training.compiling import GAIN
from usable_core.training.forward import compiled


def bundled(name: str) -> tuple[nn.Module, int, int]:
    """Return one of our networks, its side and pictures of a step."""
    return usable.load_model(f"bundled/{name}").network, 32, 64


def resnet18() -> tuple[nn.Module, int, int]:
    """Return torchvision's, of random weights, for 10 classes."""
    return torchvision.models.resnet18(num_classes=10), 224, 8


NETWORKS: dict[str, Callable[[], tuple[nn.Module, int, int]]] = {
    "resnet": lambda: bundled("resnet"),
    "vgg": lambda: bundled("vgg"),
    "vit": lambda: bundled("vit"),
    "resnet18": resnet18,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", type=one_of(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(conditions())
    print(
        "\n| network | px | batch | ms as it is | compiled | times as fast | s to compile | pays |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    for name in asked.names:
        with (
            tempfile.TemporaryDirectory() as cache,
            mock.patch.dict(os.environ, TORCHINDUCTOR_CACHE_DIR=cache),
        ):
            print(f"| {name} | {row(name, asked.rounds)} |", flush=True)


def row(name: str, rounds: int) -> str:
    """Return the cells of a network."""
    import torch._inductor.config as inductor  # heavy

    torch.manual_seed(0)
    network, side, batch = NETWORKS[name]()
    network.requires_grad_(True).train().to(memory_format=torch.channels_last)
    x = torch.rand(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (batch,))

    def step(forward: Callable[[Tensor], Tensor]) -> None:
        network.zero_grad(set_to_none=True)
        F.cross_entropy(forward(x), y).backward()

    step(network)
    with mock.patch.object(inductor, "compile_threads", 1):
        fast, before = compiled(network), spent()
        step(fast)
        took = spent() - before
    runs = {"eager": lambda: step(network), "compiled": lambda: step(fast)}
    eager, other = interleave(runs, rounds=rounds, warm_up=1)
    saved = eager.seconds - GAIN * other.seconds
    pays = f"from {GAIN * took / saved:,.0f} steps on" if saved > 0 else "never"
    each = f"{eager.seconds * 1000:.0f} | {other.seconds * 1000:.0f} | {1 / other.ratio:.2f}"
    return f"{side} | {batch} | {each} | {took:.0f} | {pays}"


def spent() -> float:
    """Return the processor seconds of this process and of those that it has waited for."""
    of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in of)


if __name__ == "__main__":
    main()
