"""What pretraining is worth: fine-tuned against trained from random weights, same budget, digits.

    python -m benchmarks.fine_tuning
    python -m benchmarks.fine_tuning --labels 20 --epochs 10 --seeds 0 1 2 3 4

Test accuracy on the digits' test split, per backbone, over seeds of training, which also draw the
images; then the mean difference over them with its 95 % interval (Student's t).
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.text_pretraining import mean_and_interval
from usable_core.datasets import load_dataset
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.measuring import accuracy
from usable_core.metrics.intervals import Proportion
from usable_core.models import load_model
from usable_core.models.sources.from_card import model_in
from usable_core.training.fine_tuning import fine_tune

SEEDS = (0, 1, 2)
BACKBONES = ("resnet", "vgg", "vit", "resnet_robust")
EPOCHS = 3
CLASSES = 10


def fine_tuning(name: str, *, epochs: int, seed: int, labels: int | None) -> FineTuningConfig:
    """Return how the bundled backbone `name` is fine-tuned on so many digits of each class."""
    rate = 0.01 if name == "vit" else 0.06  # Usable's own for a transformer
    schedule = Schedule(epochs, batch_size=32, learning_rate=rate, augmentation="shift", seed=seed)
    limit = None if labels is None else labels * CLASSES
    spec = DatasetSpec("digits", "train", limit=limit, seed=seed)
    return FineTuningConfig(ModelSpec(f"bundled/{name}"), spec, schedule=schedule)


def test_accuracy(config: FineTuningConfig) -> Proportion:
    """Return the accuracy on the digits' test split after training by `config`."""
    digits = load_dataset("digits")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = load_model(config.model)
        fine_tune(model=model, dataset=digits, config=config, report=silent, folder=folder)
        tuned = model_in(folder, "run/tuned")
    question = AccuracyConfig(ModelSpec("run/tuned"), DatasetSpec("digits", split="test"))
    return accuracy.measure(
        model=tuned, dataset=digits, config=question, report=silent, folder=None
    ).accuracy


def main() -> None:
    """Print one row per backbone and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--labels", type=int, help="images of each class; all when not given")
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    asked = parser.parse_args()
    print("| backbone | seed | fine-tuned | from random weights |\n|---|---:|---:|---:|")
    for backbone in asked.backbones:
        ahead = []
        for seed in asked.seeds:
            config = fine_tuning(backbone, epochs=asked.epochs, seed=seed, labels=asked.labels)
            tuned = test_accuracy(config)
            control = test_accuracy(replace(config, from_scratch=True))
            cells = [f"{p.value:.1%} [{p.low:.1%}, {p.high:.1%}]" for p in (tuned, control)]
            print(f"| {backbone} | {seed} | {cells[0]} | {cells[1]} |", flush=True)
            ahead.append(tuned.value - control.value)
        print(f"| {backbone} | all | {mean_and_interval(ahead)} points ahead | |", flush=True)


if __name__ == "__main__":
    main()
