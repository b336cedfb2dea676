"""What each way in which weights move is worth with few labels: the recipes, on digits.

    python -m benchmarks.weights_that_move

Test accuracy on the digits' test split after training on so many labelled digits (a fifth of them
validates), as a mean over seeds of the split and of the training, with the lowest and the highest.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.fine_tuning import test_accuracy
from usable_core.catalog.recipes import RECIPES, RecipeRow
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig

ADAMW = RecipeRow("AdamW", "As usual, with AdamW.", schedule={"optimizer": "adamw"})
NAMES = ("usual", "probe", "probe-then-full", "last-blocks", "stopped-early", "averaged")
WAYS = {name: RECIPES[name] for name in NAMES} | {
    "usual, adamw": ADAMW,
    "layer-decay": RECIPES["layer-decay"],
}


def questions(row: RecipeRow, backbone: str, labels: int, seeds: int) -> Iterator[FineTuningConfig]:
    """Yield the question of each seed."""
    usual = Schedule(epochs=20, batch_size=32, precision="float32")
    for seed in range(seeds):
        schedule = replace(usual, **row.schedule, seed=seed)
        data = DatasetSpec("digits", "train", labels, seed)
        yield FineTuningConfig(ModelSpec(backbone), data, schedule=schedule, **row.settings)


def main() -> None:
    """Print one row per way, one column per backbone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=125)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backbones", nargs="+", default=["bundled/resnet", "bundled/vit"])
    asked = parser.parse_args()
    print(f"| way | {' | '.join(asked.backbones)} |\n|---|{'---:|' * len(asked.backbones)}")
    for name, row in WAYS.items():
        cells = []
        for backbone in asked.backbones:
            several = questions(row, backbone, asked.labels, asked.seeds)
            found = [test_accuracy(one).value for one in several]
            mean = sum(found) / len(found)
            cells.append(f"{mean:.1%} ({min(found):.1%} to {max(found):.1%})")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
