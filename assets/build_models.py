"""Trains a bundled backbone, measures it, and writes its weights and card into models/.

    python assets/build_models.py resnet --train train.parquet --test dev.parquet
    python assets/build_models.py vgg_digits --train digits --test digits
    python assets/build_models.py bert --train assets/data/cldr.txt --test languages

Of texts, a start is pre-trained on plain ones (or taken from `--start FOLDER`) and fine-tuned on
the training part of the data set.

`--trained FOLDER` takes `model.safetensors` and `card.json` of an earlier training with these
settings instead of training anew, and only measures. Images: CIFAR-10 as Parquet files in the
Hugging Face convention; of a data set with a name, its own training and test split.
"""

import argparse
import hashlib
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from usable_core.catalog.architectures import BUNDLED
from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.models import CARD_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from usable_core.datasets import load_dataset
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig
from usable_core.files import write_json
from usable_core.measuring import accuracy, robustness
from usable_core.models.sources.from_card import model_from_card, model_in
from usable_core.models.weights.checkpoints import HASH, read_card
from usable_core.records import to_json
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.pretraining import pretrain

MODELS = Path(__file__).parent / "models"
FLIPPED = {"batch_size": 128, "augmentation": "shift_flip"}
SCHEDULES = {
    "resnet": Schedule(epochs=24, learning_rate=0.2, label_smoothing=0.05, **FLIPPED),
    "vgg": Schedule(epochs=16, learning_rate=0.1, label_smoothing=0.05, **FLIPPED),
    "vit": Schedule(
        epochs=8,
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=0.05,
        label_smoothing=0.05,
        **FLIPPED,
    ),
    "resnet_robust": Schedule(epochs=10, learning_rate=0.15, **FLIPPED),
    "vgg_digits": Schedule(
        epochs=20,
        batch_size=64,
        optimizer="adamw",
        learning_rate=2e-3,
        weight_decay=0.05,
        augmentation="shift",
    ),
    "resnet_digits": Schedule(
        epochs=8,
        batch_size=64,
        optimizer="adamw",
        learning_rate=2e-3,
        weight_decay=0.05,
        augmentation="shift",
    ),
}
# Of texts: how a start is pre-trained, and how it is fine-tuned.
CAREFUL = {"warmup": 0.1, "weight_decay": 0.01}
PRETRAININGS = {"bert": Schedule(epochs=16, **CAREFUL), "gpt": Schedule(epochs=12, **CAREFUL)}
FINE_TUNING = Schedule(epochs=6, batch_size=32, learning_rate=1e-3, **CAREFUL)
LICENCE = "Trained on texts of Unicode's CLDR (Unicode License v3, data/LICENSE.unicode)."
UNSEEN = "No text of the pre-training is like one of the test part, case, signs and numbers aside."
OF_START = ("command", "data", "objective", "seed", "precision", "schedule", "measured")
EPSILON = {"resnet_robust": 6 / 255}  # Linf budget of adversarial training
ATTACKED = 500  # test images for the robustness figure
BUDGET = 8 / 255  # RobustBench's Linf budget for CIFAR-10


def show(done: int, total: int, message: str, **metrics: float) -> None:
    """Print the figures of each finished epoch."""
    if "validation_accuracy" in metrics:
        print(message, {name: round(value, 4) for name, value in metrics.items()}, flush=True)


def part(data: Path, of_named: str) -> str:
    """Return the split to use: all of a file, a part of a data set that has both."""
    return of_named if str(data) in DATASETS else "all"


def train(name: str, data: Path, folder: Path) -> None:
    """Pre-train the backbone `name` on a Parquet file, into a folder."""
    config = PretrainingConfig(
        BUNDLED[name].architecture,
        DatasetSpec(str(data), split=part(data, "train")),
        SCHEDULES[name],
        EPSILON.get(name, 0.0),
    )
    pretrain(dataset=load_dataset(str(data)), config=config, report=show, folder=folder)


def pretrain_start(name: str, data: Path, folder: Path) -> None:
    """Pre-train the start of the text model `name` on plain texts, into a folder."""
    spec = DatasetSpec(str(data), split="all")
    config = PretrainingConfig(BUNDLED[name].architecture, spec, PRETRAININGS[name])
    pretrain(dataset=load_dataset(str(data)), config=config, report=show, folder=folder)


def fine_tune_start(start: Path, data: Path, folder: Path) -> None:
    """Fine-tune a start on a labelled set, into a folder; the card tells of both trainings."""
    config = FineTuningConfig(
        ModelSpec("run/START"), DatasetSpec(str(data), split="train"), schedule=FINE_TUNING
    )
    model, dataset = model_in(start, "run/START"), load_dataset(str(data))
    fine_tune(model=model, dataset=dataset, config=config, report=show, folder=folder)
    card, first = read_card(folder), read_card(start)
    first["data"]["reference"] = Path(first["data"]["reference"]).name
    card["pretraining"] = {key: first[key] for key in OF_START}
    write_json(folder / CARD_FILE, card, indent=2)


def measure_text(name: str, folder: Path, test: Path) -> None:
    """Measure a text model on held-out texts and write the figures into its card."""
    card = read_card(folder)
    model, spec = model_in(folder, f"bundled/{name}"), DatasetSpec(str(test), split="test")
    config = AccuracyConfig(ModelSpec(f"bundled/{name}"), spec)
    right = accuracy.measure(
        model=model, dataset=load_dataset(str(test)), config=config, report=show, folder=None
    )
    card |= {"title": BUNDLED[name].title, "licence": LICENCE, "unseen": UNSEEN}
    card["measured"] |= {
        "dataset": f"{test.name}: {right.n} test texts",
        "accuracy": to_json(right.accuracy),
        "ece": to_json(right.summary()["ece"]),
    }
    write_json(folder / CARD_FILE, card, indent=2)
    print(json.dumps(card["measured"], indent=2))


def build_text(asked: argparse.Namespace) -> None:
    """Pre-train or take a start, fine-tune it, measure, write: a folder of its own."""
    into: Path = asked.into / asked.name
    with tempfile.TemporaryDirectory() as temporary:
        start = asked.start or Path(temporary) / "start"
        if asked.start is None and asked.trained is None:
            pretrain_start(asked.name, asked.train, start)
        folder = asked.trained or Path(temporary) / "tuned"
        if asked.trained is None:
            fine_tune_start(start, asked.test, folder)
        measure_text(asked.name, folder, asked.test)
        into.mkdir(exist_ok=True)
        for file in (WEIGHTS_FILE, TOKENIZER_FILE, CARD_FILE):
            shutil.copyfile(folder / file, into / file)


def measure(name: str, folder: Path, test: Path) -> dict[str, object]:
    """Return the card with its figures on held-out images."""
    card = read_card(folder)
    model = model_from_card(f"bundled/{name}", folder / WEIGHTS_FILE, card)
    data = load_dataset(str(test))
    spec = ModelSpec(f"bundled/{name}")
    shared = {"model": model, "dataset": data, "report": show, "folder": None}
    whole = DatasetSpec(test.name, split=part(test, "test"))
    some = replace(whole, limit=ATTACKED)
    right = accuracy.measure(config=AccuracyConfig(spec, whole), **shared)
    attacked = robustness.measure(
        config=RobustnessConfig(spec, some, epsilons=(0.0, BUDGET)), **shared
    )
    card["title"] = BUNDLED[name].title
    card["measured"] |= {
        "dataset": f"{test.name}: {right.n} test images" + ", JPEG quality 75" * bool(test.suffix),
        "accuracy": to_json(right.accuracy),
        "ece": to_json(right.summary()["ece"]),
        "robust_accuracy": to_json(attacked.robust_accuracy[-1]),
        "attack": "PGD-20, Linf 8/255, one random start",
    }
    card["data"]["reference"] = Path(card["data"]["reference"]).name
    card["config"]["dataset"]["reference"] = card["data"]["reference"]
    return card


def main() -> None:
    """Train or take, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=(*SCHEDULES, *PRETRAININGS))
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--trained", type=Path)
    parser.add_argument("--start", type=Path, help="Of texts: a folder of a pre-trained start.")
    parser.add_argument("--into", type=Path, default=MODELS, help="Folder of weights and card.")
    asked = parser.parse_args()
    if asked.name in PRETRAININGS:
        build_text(asked)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.trained or Path(temporary)
        if asked.trained is None:
            train(asked.name, asked.train, folder)
        card = measure(asked.name, folder, asked.test)
        weights = (folder / WEIGHTS_FILE).read_bytes()
        card[HASH] = hashlib.sha256(weights).hexdigest()
    (asked.into / f"{asked.name}.safetensors").write_bytes(weights)
    text = json.dumps(card, indent=2, ensure_ascii=False)
    (asked.into / f"{asked.name}.json").write_text(text + "\n", encoding="utf-8")
    print(json.dumps(card["measured"], indent=2))


if __name__ == "__main__":
    main()
