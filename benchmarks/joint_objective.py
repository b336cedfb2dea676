"""The limits of argmin L_pre(θ) + λ·L_fine(θ): λ = 0 is the start, a large λ plain fine-tuning.

    python -m benchmarks.joint_objective
    python -m benchmarks.joint_objective --source FILE

Without a file, small networks are trained on the digits 0 to 4 and fine-tuned on 5 to 9; with
CIFAR-10 as a Parquet file, the bundled backbones are fine-tuned on some digits. Per λ: accuracy on
the task's and on the source's held-out images (points lost and gained), how far the weights of the
backbone moved, and how far from plain fine-tuning they came out, in units of the way it moved.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from torch import Tensor, nn

from usable_core.datasets import load_dataset
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig, TrainingResult
from usable_core.evaluations.training_words import points
from usable_core.models import load_model
from usable_core.models.heads import head
from usable_core.models.model import Model
from usable_core.models.sources.from_card import model_in
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.pretraining import pretrain

BACKBONES = ("resnet", "vgg", "vit")
LAMBDAS = (0.0, 1e-6, 0.01, 0.1, 1.0, 10.0, 1e3, 1e6)
EXAMPLES = 300


def digits(wanted: range) -> Dataset:
    """Return the digits of some classes, scaled to bytes."""
    found = load_digits()
    rows = np.isin(found.target, list(wanted))
    pixels = (found.images[rows] * 15.9).astype(np.uint8)
    return dataset_from_arrays(pixels, found.target[rows] - wanted[0])


def pretrained(backbone: str, source: Dataset, seed: int, folder: Path) -> Model:
    """Return a small network that was trained on the source from random weights."""
    schedule = Schedule(epochs=6, batch_size=32, optimizer="adamw", seed=seed)
    config = PretrainingConfig(f"small_{backbone}", DatasetSpec("source", "train"), schedule)
    pretrain(dataset=source, config=config, report=silent, folder=folder)
    return model_in(folder)


def tuned(
    model: Model, task: Dataset, config: FineTuningConfig, source: Dataset | None
) -> tuple[TrainingResult, list[Tensor]]:
    """Return the result of a fine-tuning, and the backbone's weights."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        result = fine_tune(
            model=model, dataset=task, config=config, report=silent, folder=folder, source=source
        )
        return result, backbone_weights(model_in(folder).network)


def backbone_weights(network: nn.Module) -> list[Tensor]:
    """Return copies of all trained weights but those of the head."""
    new = {id(parameter) for parameter in head(network).parameters()}
    return [p.detach().clone() for p in network.parameters() if id(p) not in new]


def way(one: list[Tensor], other: list[Tensor]) -> float:
    """Return the Euclidean distance of two lists of weights."""
    return float(sum((a - b).square().sum() for a, b in zip(one, other, strict=True))) ** 0.5


def compare(model: Model, task: Dataset, source: Dataset, asked: argparse.Namespace) -> None:
    """Print a row for plain fine-tuning and one for each λ, by every seed."""
    start = backbone_weights(model.network)
    for seed in asked.seeds:
        schedule = Schedule(epochs=asked.epochs, batch_size=32, precision="float32", seed=seed)
        spec = DatasetSpec("task", "train", asked.examples, seed)
        plain = FineTuningConfig(ModelSpec("start"), spec, schedule=schedule)
        told, reached = tuned(model, task, plain, None)
        moved = way(reached, start)
        name = f"| {model.name} | {seed} "
        accuracy = f"{told.last_validation_accuracy:.1%}"
        print(f"{name}| plain | {accuracy} | | | {moved:.2f} | 0 % |", flush=True)
        for weight in asked.lambdas:
            joint = replace(plain, source=replace(spec, reference="source"), task_weight=weight)
            told, weights = tuned(model, task, joint, source)
            cells = [
                f"{weight:g}",
                f"{told.last_validation_accuracy:.1%}",
                f"{told.retained.before.value:.1%} → {told.retained.after.value:.1%}",
                points(told.retained.difference),
                f"{way(weights, start):.3g}",  # 0 is each weight as it was, to the bit
                f"{way(weights, reached) / moved:.1%}",
            ]
            print(f"{name}| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print one row per backbone, seed and λ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", help="CIFAR-10, a Parquet file: start from bundled backbones.")
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1))
    parser.add_argument("--lambdas", type=float, nargs="+", default=LAMBDAS)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    print("| backbone | seed | λ | task | source | difference | moved | from plain |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for backbone in asked.backbones:
        if asked.source:
            model = load_model(f"bundled/{backbone}")
            compare(model, load_dataset("digits"), load_dataset(asked.source), asked)
            continue
        source = digits(range(5))
        with tempfile.TemporaryDirectory() as temporary:
            model = pretrained(backbone, source, 0, Path(temporary))
            model.name = f"small_{backbone}"
            compare(model, digits(range(5, 10)), source, asked)


if __name__ == "__main__":
    main()
