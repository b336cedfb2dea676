"""What each part of a Glance costs: the attack itself, finding batch sizes, every check.

    python -m benchmarks.glance_checks [bundled/resnet --dataset FILE] [--limit 64]

Without a model: a small network trained here on digits.

Pictures that pass the network, and processor seconds within it (one thread).
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from types import FrameType

import torch
from torch import nn

from benchmarks._scenes import EPOCHS, digits
from benchmarks._timing import clock, conditions
from usable_core.catalog.checks import CHECKS

# A pass belongs to the innermost of these functions on its stack, or to a check.
MEASURING = "usable_core.measuring"
PARTS = {"_attacked": "attack", "plan": "batch sizes", "drawn_sample": "walk of the sample"}


def part_of(frame: FrameType | None) -> str:
    """Return which part of the evaluation a pass belongs to."""
    while frame is not None:
        name, module = frame.f_code.co_name, frame.f_globals["__name__"]
        if module.startswith(MEASURING) and (name in CHECKS or name in PARTS):
            return PARTS.get(name, name)
        frame = frame.f_back
    return "other"


def main() -> None:
    """Print a table of the parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--dataset")
    parser.add_argument("--limit", type=int, default=64)
    asked = parser.parse_args()
    os.environ["USABLE_HOME"] = tempfile.mkdtemp()
    import usable_core as usable

    if asked.model:
        model, data = usable.load_model(asked.model), asked.dataset
    else:
        scene = digits(adversarial=False, epochs=EPOCHS)
        model, data = scene.model, usable.dataset_from_arrays(scene.x, scene.y)
    passes: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    network = type(model.network)  # its class, for what is asked may be a copy
    forward = network.forward

    def counted(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
        part, began = part_of(sys._getframe(1)), clock()
        logits: torch.Tensor = forward(self, x)
        passes[part] += len(x)
        seconds[part] += clock() - began
        return logits

    network.forward = counted
    began = clock()
    usable.evaluate_robustness(model, data, preset="glance", limit=asked.limit)
    print(conditions())
    print(f"\n{model.name}, {asked.limit} examples, {clock() - began:.1f} s in all\n")
    print("| part | pictures | × the attack | s within the network |\n|---|---:|---:|---:|")
    for part, count in passes.most_common():
        share = count / passes["attack"]
        print(f"| {part} | {count:,} | {share:.2f} | {seconds[part]:.2f} |")


if __name__ == "__main__":
    main()
