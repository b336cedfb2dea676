"""What kinds of pre-training are worth: starts without labels, and adversarial training.

    python -m benchmarks.pretraining_kinds

On scikit-learn's digits with the small ResNet. `starts`: a contrastive start (SimCLR) is made of
all training images without their labels; it and random weights are then tuned in full, and probed,
with 20 labels a class, over seeds that also draw the images. `robust`: clean, fast, PGD and TRADES
training, and how often each is right on test images, clean and attacked by this project's own
default attack within the same ε.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.text_pretraining import mean_and_interval
from usable_core.datasets import load_dataset
from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.measuring import accuracy, robustness
from usable_core.models.model import Model
from usable_core.models.sources.from_card import model_in
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.pretraining import pretrain

DATA = "digits"
LABELS = 20  # images of each digit
SEEDS = (0, 1, 2, 3, 4)
MODEL = ModelSpec("run/start")
KINDS = {
    "clean": {"epsilon": 0.0},
    "fast": {},
    "pgd": {"adversarial": "pgd"},
    "trades": {"adversarial": "trades"},
}


def tuned_accuracy(start: Model, data: Dataset, config: FineTuningConfig) -> float:
    """Return the accuracy on the test images after fine-tuning by `config`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fine_tune(model=start, dataset=data, config=config, report=silent, folder=folder)
        tuned = model_in(folder, "run/tuned")
    question = AccuracyConfig(ModelSpec("run/tuned"), DatasetSpec(DATA, "test"))
    return accuracy.measure(
        model=tuned, dataset=data, config=question, report=silent, folder=None
    ).accuracy.value


def starts(seeds: tuple[int, ...], epochs: int, batch_size: int) -> None:
    """Print how a contrastive start compares with random weights."""
    data = load_dataset(DATA)
    schedule = Schedule(epochs=epochs, batch_size=batch_size, precision="float32")
    config = PretrainingConfig(
        "small_resnet", DatasetSpec(DATA, "train"), schedule, objective="contrastive"
    )
    with tempfile.TemporaryDirectory() as temporary:
        result = pretrain(dataset=data, config=config, report=silent, folder=Path(temporary))
        start = model_in(Path(temporary), "run/start")
    print(f"{result.card['measured']}\n", flush=True)
    found: dict[str, list[float]] = {}
    for seed in seeds:
        task = DatasetSpec(DATA, "train", LABELS * len(data.labels), seed)
        how = Schedule(epochs=10, batch_size=16, precision="float32", seed=seed)
        for method in ("full", "linear_probe"):
            asked = FineTuningConfig(MODEL, task, method, how)
            control = replace(asked, from_scratch=True)
            pair = [tuned_accuracy(start, data, one) for one in (asked, control)]
            named = {"start": pair[0], "random": pair[1], "difference": pair[0] - pair[1]}
            for name, value in named.items():
                found.setdefault(f"{method}, {name}", []).append(value)
        print(f"seed {seed}: {[f'{name} {v[-1]:.3f}' for name, v in found.items()]}", flush=True)
    for name, values in found.items():
        print(f"| {name} | {mean_and_interval(values)} |", flush=True)


def robust(seeds: tuple[int, ...], epsilon: float, epochs: int, images: int) -> None:
    """Print accuracies of four trainings, clean and under attack."""
    data = load_dataset(DATA)
    for kind, settings in KINDS.items():
        found: list[tuple[float, ...]] = []
        for seed in seeds:
            schedule = Schedule(epochs=epochs, precision="float32", seed=seed)
            part = DatasetSpec(DATA, "train", images, seed)
            config = PretrainingConfig(
                "small_resnet", part, schedule, **{"epsilon": epsilon, **settings}
            )
            with tempfile.TemporaryDirectory() as temporary:
                result = pretrain(
                    dataset=data, config=config, report=silent, folder=Path(temporary)
                )
                model = model_in(Path(temporary), "run/start")
            question = RobustnessConfig(
                MODEL, DatasetSpec(DATA, "test", 100), epsilons=(0.0, epsilon), walked=0
            )
            measured = robustness.measure(
                model=model, dataset=data, config=question, report=silent, folder=None
            )
            table = measured.to_frame().set_index("epsilon")["robust_accuracy"]
            seconds = result.provenance.seconds
            found.append((float(table.iloc[0]), float(table.iloc[-1]), seconds))
            print(f"{kind} {seed}: {found[-1]}", flush=True)
        clean, attacked, seconds = (list(values) for values in zip(*found, strict=True))
        cells = (mean_and_interval(clean), mean_and_interval(attacked), f"{min(seconds):.0f} s")
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print both tables, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("starts", "robust"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--start-epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epsilon", type=float, default=16, help="In 255ths.")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--images", type=int, default=600)
    asked = parser.parse_args()
    if asked.only != "robust":
        starts(tuple(asked.seeds), asked.start_epochs, asked.batch_size)
    if asked.only != "starts":
        robust(tuple(asked.seeds), asked.epsilon / 255, asked.epochs, asked.images)


if __name__ == "__main__":
    main()
