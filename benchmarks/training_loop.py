"""Our training loop beside a lean one, and what goes into data, probes and checkpoints.

    python -m benchmarks.training_loop [loop data probe checkpoints] [--scenes 32 224] [--rounds 5]

Ours is a whole fine-tuning, timed from its first step to the end of its validation; so are the
others (`_training_peers`). Aims: 1.03 times the lean loop at 32 px, 1.02 at 224, and 1.02 times the
fastest of all; at most 3 % of a step for data; a probe 10 times as soon as a frozen backbone's
loop, with the same head; 1 % for checkpoints.
"""

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torchvision
from sklearn.datasets import load_digits
from torch import Tensor

import usable_core as usable
from benchmarks._arguments import one_of
from benchmarks._timing import clock, conditions, interleave, markdown, of_rounds
from benchmarks._training_peers import CLIP, DECAY, MEAN, RATE, STD, Task, frozen_loop, lean, peers
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models.model import Model
from usable_core.training import fine_tuning, loop, material, probing
from usable_core.training.descent import Descent
from usable_core.training.material import Pictures
from usable_core.training.resuming import Checkpoints
from usable_core.training.trainee import Trainee


@dataclass(frozen=True)
class Scene:
    """A network, and how many pictures of which size it is trained on.

    Attributes:
        model: The network.
        side: Of a picture, in pixels.
        each: Pictures of each class, of which 4 % validate, at least one.
        classes: How many.
        batch: Pictures in a step.
    """

    model: Model
    side: int
    each: int
    classes: int
    batch: int

    @property
    def held_out(self) -> int:
        """Return how many pictures validate."""
        return max(1, int(0.04 * self.each)) * self.classes

    def pixels(self) -> np.ndarray:
        """Return noise (N, H, W, 3) uint8."""
        shape = (self.each * self.classes, self.side, self.side, 3)
        return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def labels(self) -> np.ndarray:
        """Return the classes (N,), in turn."""
        return np.arange(self.each * self.classes) % self.classes

    def schedule(self, augmentation: str = "none", epochs: int = 1) -> usable.Schedule:
        """Return how it is trained."""
        return usable.Schedule(
            epochs,
            self.batch,
            learning_rate=RATE,
            weight_decay=DECAY,
            clip=CLIP,
            precision="float32",
            augmentation=augmentation,
        )

    def tune(self, schedule: usable.Schedule) -> None:
        """Fine-tune."""
        data = usable.dataset_from_arrays(self.pixels(), self.labels())
        config = FineTuningConfig(
            ModelSpec("noise"), DatasetSpec("noise", "all"), schedule=schedule
        )
        with tempfile.TemporaryDirectory() as folder:
            fine_tuning.fine_tune(
                model=self.model, dataset=data, config=config, report=silent, folder=Path(folder)
            )


def small() -> Scene:
    """Our residual network at 32 px, ten steps of 64."""
    return Scene(usable.load_model("bundled/resnet"), 32, 66, 10, 64)


def large() -> Scene:
    """ResNet-18 of torchvision, 224 px, four steps of 8."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None)
    passport = Preprocessing(224, (224, 224), mean=MEAN, std=STD)
    card = {"architecture": "torchvision/resnet18"}
    return Scene(usable.wrap_model(network, preprocessing=passport, card=card), 224, 17, 2, 8)


SCENES = {"32": small, "224": large}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", type=one_of(PARTS), default=list(PARTS))
    parser.add_argument("--scenes", nargs="+", type=one_of(SCENES), default=list(SCENES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40, help="of the training with checkpoints")
    asked = parser.parse_args()
    print(conditions())
    with tempfile.TemporaryDirectory() as home, mock.patch.dict(os.environ, USABLE_HOME=home):
        for part in asked.parts:
            PARTS[part](asked)


def loops(asked: argparse.Namespace) -> None:
    """Print our loop beside the others."""
    for name in asked.scenes:
        scene = SCENES[name]()
        pixels = torch.from_numpy(scene.pixels()).permute(0, 3, 1, 2).contiguous()
        labels = torch.from_numpy(scene.labels())
        network = fine_tuning.replace_head(copy.deepcopy(scene.model.network), scene.classes)
        task = Task(network.requires_grad_(True), pixels, labels, scene.held_out, scene.batch)
        spent: dict[str, list[float]] = {}

        def ours(scene: Scene = scene) -> float:
            apart = mock.patch.object(Checkpoints, "is_due", return_value=False)
            start = mock.patch.object(loop, "STARTING", scene.batch)
            with timed(Descent, "run") as taken, start, apart:
                scene.tune(scene.schedule())
            return sum(taken)

        contenders = {"lean loop": lambda task=task: lean(task), "usable": ours}
        contenders |= {one: lambda task=task, run=run: run(task) for one, run in peers().items()}

        def kept(one: str, run: Callable[[], float], spent: dict = spent) -> Callable[[], None]:
            return lambda: spent.setdefault(one, []).append(run())

        runs = {one: kept(one, run) for one, run in contenders.items()}
        interleave(runs, rounds=asked.rounds, warm_up=1)
        floor = spent["lean loop"][1:]
        rows = [of_rounds(one, taken[1:], floor) for one, taken in spent.items()]
        print(f"\n### {scene.side} px, {task.steps} steps of {scene.batch}\n")
        print(markdown(rows, task.train), flush=True)


def data(asked: argparse.Namespace) -> None:
    """Print which share of a step is spent on data."""
    print("\n| px | pixels in | augmentation | ms of a step | of data | share |")
    print("|---:|---|---|---:|---:|---:|")
    for name in asked.scenes:
        for place in ("memory", "a file"):
            for kind in ("none", "shift_flip", "rand_augment"):
                scene = SCENES[name]()
                free = mock.patch.object(material, "free_memory", return_value=0)
                with free if place == "a file" else nullcontext():
                    steps, own = share_of_data(scene, scene.schedule(kind))
                cells = f"{steps * 1000:.0f} | {own * 1000:.1f} | {own / steps:.1%}"
                print(f"| {scene.side} | {place} | {kind} | {cells} |", flush=True)


def share_of_data(scene: Scene, schedule: usable.Schedule) -> tuple[float, float]:
    """Return wall seconds of a step, and of what it waits for pictures; medians."""
    wall = time.perf_counter
    with (
        mock.patch.object(loop, "STARTING", scene.batch),
        timed(Descent, "_take_step", wall) as steps,
        timed(Pictures, "images", wall) as images,
        timed(fine_tuning, "augment", wall) as augmented,
    ):
        scene.tune(schedule)
    count = len(steps)
    own = [a + b for a, b in zip(images[1 : count + 1], augmented[1 : count + 1], strict=True)]
    return statistics.median(steps), statistics.median(own)


def probes(asked: argparse.Namespace) -> None:
    """Print a linear probe beside a loop that asks the frozen backbone at every step."""
    scene, epochs = small(), 10
    digits = load_digits()
    x = torch.from_numpy(digits.images * 15.9).byte()[:, None]
    x = x.expand(-1, 3, -1, -1).repeat_interleave(4, 2).repeat_interleave(4, 3)
    y = torch.from_numpy(digits.target)
    task, held_out = Pictures(x[:640], y[:640]), Pictures(x[640:700], y[640:700])
    schedule = scene.schedule(epochs=epochs)
    heads: dict[str, tuple[Tensor, Tensor]] = {}

    def trainee() -> Trainee:
        network = fine_tuning.replace_head(copy.deepcopy(scene.model.network), scene.classes)
        return Trainee(network, scene.model.input, scene.model.labels)

    def ours() -> None:
        own = trainee()
        torch.manual_seed(0)
        probing.probe(own, task, held_out, schedule, silent, Checkpoints(None, ""))
        last = fine_tuning.head(own.network)
        heads["ours"] = last.weight.detach(), last.bias.detach()

    own = trainee()
    found = probing._cached_features(own, task, silent)
    spread = found.mean(0), found.std(0).clamp_min(1e-6)

    def frozen() -> None:
        heads["frozen"] = frozen_loop(trainee(), task, held_out, schedule, spread)

    rows = interleave({"frozen backbone": frozen, "usable's probe": ours}, rounds=asked.rounds)
    print(f"\n### A probe of {epochs} epochs, {len(task)} pictures\n")
    print(markdown(rows, len(task)))
    apart = max(float((a - b).abs().max()) for a, b in zip(*heads.values(), strict=True))
    size = float(heads["ours"][0].abs().max())
    print(f"\nThe heads differ by at most {apart:.1e}; the largest weight is {size:.3f}.")
    print(f"The probe is {1 / rows[1].ratio:.1f} times as soon.", flush=True)


def checkpoints(asked: argparse.Namespace) -> None:
    """Print which share of a training its checkpoints take."""
    scene = small()
    with timed(Descent, "run") as whole, timed(Checkpoints, "write") as writes:
        scene.tune(scene.schedule(epochs=asked.epochs))
    share = sum(writes) / sum(whole)
    print(f"\nCheckpoints: {len(writes)} in {sum(whole):.0f} s, {share:.2%} of them.", flush=True)


@contextmanager
def timed(owner: object, name: str, now: Callable[[], float] = clock) -> Iterator[list[float]]:
    """Yield the times that each call of a function takes."""
    taken: list[float] = []
    run = getattr(owner, name)

    def timing(*words: object, **named: object) -> object:
        began = now()
        try:
            return run(*words, **named)
        finally:
            taken.append(now() - began)

    with mock.patch.object(owner, name, timing):
        yield taken


PARTS = {"loop": loops, "data": data, "probe": probes, "checkpoints": checkpoints}

if __name__ == "__main__":
    main()
