"""Ways in which a training diverges, each told in a sentence: `python -m benchmarks.divergence`.

On digits, by default 200 of them; each line says what was asked and what was said. One that ended
as a success is marked so.
"""

import argparse
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from usable_core.datasets import load_dataset
from usable_core.errors import Diverged
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.models import load_model
from usable_core.models.model import Model
from usable_core.training.fine_tuning import fine_tune


@dataclass(frozen=True)
class Way:
    """A training that should diverge: a model, what is done to it, and how it is trained."""

    model: str
    schedule: Schedule
    method: str = "full"
    change: Callable[[Model], object] = lambda model: None
    proxy: str = "none"


def spoilt(value: float) -> Callable[[Model], object]:
    """Return what sets the first weights of a model to a value."""

    def change(model: Model) -> object:
        with torch.no_grad():
            return next(model.network.parameters()).fill_(value)

    return change


def ways(epochs: int) -> dict[str, Way]:
    """Return every way by its name."""
    wild = Schedule(epochs=epochs, batch_size=32, learning_rate=100)
    adamw = Schedule(epochs=epochs, batch_size=32, learning_rate=30, optimizer="adamw")
    usual = Schedule(epochs=epochs, batch_size=32)
    return {
        "sgd at 100, ResNet": Way("bundled/resnet", wild),
        "sgd at 100, ViT": Way("bundled/vit", wild),
        "adamw at 30, VGG": Way("bundled/vgg", adamw),
        "linear probe at 100": Way("bundled/vgg", wild, method="linear_probe"),
        "joint, sgd at 100": Way("bundled/resnet", wild, proxy="distillation"),
        "weights of NaN": Way("bundled/resnet", usual, change=spoilt(math.nan)),
        "weights of 1e38": Way("bundled/vgg", usual, change=spoilt(1e38)),
    }


def said(way: Way, examples: int) -> str:
    """Return what a training says at its end."""
    model = load_model(way.model)
    way.change(model)
    data = DatasetSpec("digits", "train", examples)
    config = FineTuningConfig(ModelSpec(way.model), data, way.method, way.schedule, proxy=way.proxy)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            result = fine_tune(
                model=model,
                dataset=load_dataset("digits"),
                config=config,
                report=silent,
                folder=folder,
            )
        except Diverged as error:
            kept = "kept" if error.checkpoint else "none"
            return f"{error.told} | {kept}"
        return f"DONE: {result!r} {' '.join(result.provenance.warnings)} | model"


def main() -> None:
    """Print one row per way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    print("| asked | said | last good weights |\n|---|---|---|")
    for name, way in ways(asked.epochs).items():
        print(f"| {name} | {said(way, asked.examples)} |", flush=True)


if __name__ == "__main__":
    main()
