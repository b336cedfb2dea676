"""What language modelling is worth: a pre-trained start beside the same network of random weights.

    python -m benchmarks.text_pretraining --corpus assets/data/cldr.txt

Both are fine-tuned on 20 labelled phrases of each of fifteen languages, over five seeds of training
that also draw the phrases; accuracy on 3,000 held-out phrases, which no start has seen. `--starts`
names a folder of starts, `bert` and `gpt`; those that it lacks are pre-trained into it.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from usable_core.catalog.models import CARD_FILE
from usable_core.datasets import load_dataset
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig
from usable_core.measuring import accuracy
from usable_core.models.sources.from_card import model_in
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.pretraining import pretrain

EPOCHS = {"bert": 16, "gpt": 12}  # of pre-training, as assets/build_models.py has them
CAREFUL = {"warmup": 0.1, "weight_decay": 0.01}
SEEDS = (0, 1, 2, 3, 4)
LABELS = 20  # phrases of each language
TASK = "languages"


def start_of(architecture: str, corpus: str, epochs: int | None, folder: Path) -> Path:
    """Return the folder of a start, pre-trained into it where it is not there."""
    if not (folder / CARD_FILE).is_file():
        part = "train" if corpus == TASK else "all"
        schedule = Schedule(epochs=epochs or EPOCHS[architecture], **CAREFUL)
        config = PretrainingConfig(architecture, DatasetSpec(corpus, part), schedule)
        pretrain(dataset=load_dataset(corpus), config=config, report=silent, folder=folder)
    return folder


def tuned_accuracy(start: Path, config: FineTuningConfig) -> float:
    """Return the accuracy on the held-out phrases after fine-tuning by `config`."""
    task = load_dataset(TASK)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = model_in(start, "run/start")
        fine_tune(model=model, dataset=task, config=config, report=silent, folder=folder)
        question = AccuracyConfig(ModelSpec("run/tuned"), DatasetSpec(TASK, "test"))
        tuned = model_in(folder, "run/tuned")
        return accuracy.measure(
            model=tuned, dataset=task, config=question, report=silent, folder=None
        ).accuracy.value


def mean_and_interval(values: list[float]) -> str:
    """Return the mean of numbers and its 95 % interval (Student's t), in percent."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{100 * mean:.1f}"
    low, high = stats.t.interval(0.95, len(values) - 1, mean, stats.sem(values))
    return f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def main() -> None:
    """Print one row per architecture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", default=TASK)
    parser.add_argument("--starts", type=Path)
    parser.add_argument("--epochs", type=int, help="Of pre-training.")
    parser.add_argument("--tuning-epochs", type=int, default=10)
    parser.add_argument("--labels", type=int, default=LABELS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--architectures", nargs="+", choices=EPOCHS, default=tuple(EPOCHS))
    asked = parser.parse_args()
    classes = len(load_dataset(TASK).labels)
    print(
        "| architecture | from the start | from random weights | difference |\n|---|---:|---:|---:|"
    )
    with tempfile.TemporaryDirectory() as temporary:
        for name in asked.architectures:
            folder = (asked.starts or Path(temporary)) / name
            start = start_of(name, asked.corpus, asked.epochs, folder)
            found: list[tuple[float, float]] = []
            for seed in asked.seeds:
                schedule = Schedule(
                    asked.tuning_epochs, 16, learning_rate=1e-3, seed=seed, **CAREFUL
                )
                data = DatasetSpec(TASK, "train", asked.labels * classes, seed)
                config = FineTuningConfig(ModelSpec("run/start"), data, schedule=schedule)
                control = replace(config, from_scratch=True)
                found.append((tuned_accuracy(start, config), tuned_accuracy(start, control)))
            tuned, random = (list(values) for values in zip(*found, strict=True))
            difference = [a - b for a, b in found]
            cells = [mean_and_interval(values) for values in (tuned, random, difference)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
