"""Our counts and times of an answer beside torch's own, in one run.

    python -m benchmarks.cost [--architectures resnet18 ...] [--models NAME ...] [--timings 100]

Multiply-adds of torchvision's architectures (no weights are needed): ours, half of what torch's
`FlopCounterMode` counts on the processor and without numbers (meta), and what torchvision
publishes. Times of the forward pass of one picture: ours and `torch.utils.benchmark`, alternating.
"""

import argparse
import statistics

import torch
import torch.utils.benchmark
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model, get_model_weights

from benchmarks._timing import conditions
from usable_core.asking.oracle import Oracle
from usable_core.evaluations.cost import CostConfig
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.measuring.cost import measure
from usable_core.models import load_model
from usable_core.models.counting import work_of
from usable_core.models.model import Model

ROUNDS = 5


def main() -> None:
    """Print a table of counts and one of times."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = ["resnet18", "mobilenet_v3_large", "vit_b_16", "swin_t"]
    parser.add_argument("--architectures", nargs="*", default=names)
    bundled = ["bundled/resnet", "bundled/vgg", "bundled/vit"]
    parser.add_argument("--models", nargs="*", default=bundled)
    parser.add_argument("--timings", type=int, default=100)
    asked = parser.parse_args()
    print(f"{conditions()}\n")
    print("| architecture | ours, GMACs | torch, processor | torch, meta | published |")
    print("|---|---:|---:|---:|---:|")
    for name in asked.architectures:
        print(f"| {name} | {' | '.join(f'{v:.3f}' for v in counts(name))} |", flush=True)
    print("\n| model | ours, ms | torch.utils.benchmark, ms | ratio | range of the rounds |")
    print("|---|---:|---:|---:|---:|")
    for name in asked.models:
        ours, theirs = times(load_model(name), asked.timings)
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        middle = [1000 * statistics.median(v) for v in (ours, theirs)]
        shown = f"{middle[0]:.3f} | {middle[1]:.3f} | {statistics.median(ratios):.2f}"
        print(f"| {name} | {shown} | {min(ratios):.2f} to {max(ratios):.2f} |", flush=True)


def counts(name: str) -> tuple[float, float, float, float]:
    """Return GMACs of an architecture: ours, torch's on the processor and on meta, published."""
    published = get_model_weights(name).DEFAULT
    side = published.transforms().crop_size[0]
    network = get_model(name, weights=None).eval().requires_grad_(False)
    model = Model(name, network, Preprocessing(side, (side, side)), LabelSpace.unnamed(1000))
    with torch.device("meta"):
        without = get_model(name, weights=None).eval()
    return (
        work_of(model).macs / 1e9,
        _torchs(network, torch.rand(1, 3, side, side)),
        _torchs(without, torch.empty(1, 3, side, side, device="meta")),
        float(published.meta["_ops"]),
    )


def _torchs(network: torch.nn.Module, x: torch.Tensor) -> float:
    with torch.inference_mode(), FlopCounterMode(display=False) as found:
        network(x)
    return found.get_total_flops() / 2e9


def times(model: Model, timings: int) -> tuple[list[float], list[float]]:
    """Return the median seconds of a forward pass of each round, ours and torch's."""
    x = torch.full((1, 3, *model.input_size), 0.5).contiguous(memory_format=torch.channels_last)
    timer = torch.utils.benchmark.Timer(
        "model(x).cpu()", globals={"model": model, "x": x}, num_threads=torch.get_num_threads()
    )
    ours, theirs = [], []
    for _ in range(ROUNDS):
        found = measure(model=model, config=CostConfig(model.spec, timings=timings))
        ours.append(found.time("forward", 1, 0.5).value)
        with Oracle(model), torch.inference_mode():
            theirs.append(timer.blocked_autorange(min_run_time=0.5).median)
    return ours, theirs


if __name__ == "__main__":
    main()
