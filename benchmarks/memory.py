"""Peak memory of a robustness evaluation at 500 and at 10,000 examples, each in its own process.

    python -m benchmarks.memory [few] [many]

The examples are digits, repeated under other names; the attack is short, for memory does not depend
on its steps. Target: equal within 10 %.
"""

import argparse
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np

FEW, MANY = 500, 10_000


def main() -> None:
    """Print one row per number of examples; or, asked with a number alone, measure that one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", help="Examples.")
    asked = parser.parse_args().counts
    if len(asked) == 1:
        measure(asked[0])
        return
    print("| examples | peak memory, MiB | × the fewest |\n|---:|---:|---:|")
    first = 0.0
    for count in asked or (FEW, MANY):
        command = [sys.executable, "-m", "benchmarks.memory", str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peak = float(done.stdout)
        first = first or peak
        print(f"| {count:,} | {peak:.0f} | {peak / first:.2f} |", flush=True)


def measure(count: int) -> None:
    """Evaluate `count` examples and print the peak memory of this process in MiB."""
    import tempfile
    from pathlib import Path

    import torch

    from usable_core.catalog.attacks import AttackSpec
    from usable_core.datasets import load_dataset
    from usable_core.datasets.pixels import load_pixels
    from usable_core.evaluations.robustness import RobustnessConfig
    from usable_core.evaluations.specs import DatasetSpec, ModelSpec
    from usable_core.inputs.preprocessing import Preprocessing
    from usable_core.measuring.robustness import measure as evaluate
    from usable_core.models.architectures import small_vgg
    from usable_core.models.model import Model

    digits = load_dataset("digits")
    torch.manual_seed(0)
    model = Model("vgg", small_vgg(10), Preprocessing((32, 32), (32, 32)), digits.labels)
    with torch.inference_mode():  # the model is right about all of them, so all are attacked
        pixels = load_pixels(digits, model.preprocessing)[0].float() / 255
        answers = torch.cat([model(part).argmax(1) for part in pixels.split(256)]).numpy()
    rows = np.resize(np.arange(len(digits)), count)
    ids = tuple(f"{digits.ids[row]}-{place}" for place, row in enumerate(rows))
    data = replace(digits.take(rows), ids=ids, targets=answers[rows])
    config = RobustnessConfig(
        ModelSpec("vgg"),
        DatasetSpec("digits"),
        attacks=(AttackSpec("pgd", steps=1),),
        epsilons=(0.0, 4 / 255),
        walked=0,
        batch_size=64,
    )
    with tempfile.TemporaryDirectory() as folder:
        evaluate(model=model, dataset=data, config=config, folder=Path(folder))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
