"""The first steps of a training, timed, and pictures as its network will see them.

They are those of the training itself on a few of its examples, whatever it is made of; nothing of
it is kept.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from usable_core.datasets import load_dataset
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import parts_of, require_classes
from usable_core.errors import ConfigError
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.evaluations.rehearsal import FOLDER, PICTURES, STEPS, Rehearsal, Seen
from usable_core.evaluations.specs import DatasetSpec, Report, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.files import make_folder, write_bytes
from usable_core.images import encode_png
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.measuring.memory import ModelCache
from usable_core.measuring.question import Publish
from usable_core.models.model import Model
from usable_core.randomness import generator, seed_of
from usable_core.training.augmentation import augment
from usable_core.training.batches import balanced
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.material import load_material
from usable_core.training.mixing import mixed
from usable_core.training.usual_rates import BATCH, resolved

LONGEST = 20.0  # s of steps; a slow network is timed by fewer than `STEPS`


class _EnoughTimed(BaseException):
    """So many steps were timed: the rest would only take time."""


@dataclass
class _Clock:
    """A `Report` that notes how long steps take, and ends the training once that is enough.

    Attributes:
        report: Told the progress.
        batch_size: Examples of a step.
        told: Steps over since the report before, and the seconds of each of them.
        was_read: When the last example was read, or its features computed.
    """

    report: Report
    batch_size: int
    told: list[tuple[int, float]] = field(default_factory=list)
    was_read: float = field(default_factory=time.perf_counter)

    def __call__(self, done: int, total: int, message: str, **metrics: float) -> None:
        """Note the time of the steps since the report before, if this is of steps."""
        self.report(done, total, message)
        rate = metrics.get("examples_per_second")
        if not self.told and "epoch" not in metrics:
            self.was_read = time.perf_counter()
        if rate:
            self.told.append((done - self.steps, self.batch_size / rate))
        if self.told and (done >= total or self.spent > LONGEST):
            raise _EnoughTimed

    @property
    def steps(self) -> int:
        """Return how many steps were told of."""
        return sum(count for count, _ in self.told)

    @property
    def spent(self) -> float:
        """Return the time of the steps (s)."""
        return sum(count * seconds for count, seconds in self.told)

    @property
    def pace(self) -> tuple[int, float]:
        """Return how many steps were timed, and their mean (s); the first finds its memory."""
        told = self.told[1:] or self.told
        count = sum(steps for steps, _ in told)
        return count, sum(steps * each for steps, each in told) / max(count, 1)


def answer(
    request: ImageRequest, models: ModelCache, image: object, folder: Path, publish: Publish
) -> None:
    """Answer what is asked of a training that is not started; see `measuring.interactive.answer`.

    Raises:
        UsableError: what it names cannot be loaded, or the training cannot be.
        Cancelled: through `publish`.
    """
    config = request.training
    if config is None:
        raise ConfigError("A rehearsal is of a training, and none was named. Name one.")

    def report(done: int, total: int, message: str, **metrics: float) -> None:
        publish(Answer("working", done=done, total=total))

    report(0, 0, "")
    began = time.perf_counter()
    model, dataset = models.get(config.model), load_dataset(config.dataset.reference)
    if request.kind == "augmented":
        seen = augmented(model=model, dataset=dataset, config=config, folder=folder)
        publish(Answer("done", seen=seen))
        return
    source = None if config.source is None else load_dataset(config.source.reference)
    opened = time.perf_counter() - began
    found = rehearsed(model=model, dataset=dataset, source=source, config=config, report=report)
    found = replace(found, opening_seconds=found.opening_seconds + opened)
    publish(Answer("done", rehearsal=found))


def rehearsed(
    *,
    model: Model,
    dataset: Dataset,
    config: FineTuningConfig,
    report: Report,
    source: Dataset | None = None,
) -> Rehearsal:
    """Return how long a training's first steps take, on no more examples than these need.

    Raises:
        UsableError: as `fine_tune`.
        Cancelled: through `report`.
    """
    began = time.perf_counter()
    require_classes(dataset)
    train, validation = parts_of(dataset, config)
    schedule = resolved(
        config.schedule, model.network, config.method, model.kind, examples=len(train)
    )
    epochs, batch_size = schedule.numbers
    opened = time.perf_counter()
    clock = _Clock(report, batch_size)
    some = {
        name: _few(spec, STEPS * batch_size)
        for name, spec in (("dataset", config.dataset), ("source", config.source))
        if spec is not None
    }
    asked: Mapping[str, Any] = {**some, "schedule": replace(schedule, epochs=1)}
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, suppress(_EnoughTimed):
        fine_tune(
            model=model,
            dataset=dataset,
            source=source,
            config=replace(config, **asked),
            report=clock,
            folder=Path(folder),
        )
    steps, seconds = clock.pace
    few = min(len(train), STEPS * batch_size)
    return Rehearsal(
        examples=len(train),
        validated=len(validation),
        batch_size=batch_size,
        epochs=epochs,
        steps=steps,
        rehearsed=few + min(len(validation), STEPS * batch_size),
        seconds_per_step=seconds,
        opening_seconds=opened - began,
        reading_seconds=clock.was_read - opened,
        starting_seconds=max(0.0, time.perf_counter() - clock.was_read - clock.spent),
    )


def _few(spec: DatasetSpec, most: int) -> DatasetSpec:
    return replace(spec, limit=min(most, spec.limit or most))


def augmented(
    *, model: Model, dataset: Dataset, config: FineTuningConfig, folder: Path
) -> tuple[Seen, ...]:
    """Keep the first pictures that the network will see, and return what they count as.

    They are those of the first step: in its order, changed and mixed by the same draws.

    Args:
        model: Whose preprocessing counts.
        dataset: The whole task.
        config: The training.
        folder: Where `{FOLDER}/{k}.png` go.

    Raises:
        ConfigError: the model takes no pictures.
        UsableError: the data cannot be trained on.
    """
    if not isinstance(model.input, Preprocessing):
        raise ConfigError(f"{model.name} takes texts, which are not augmented.")
    train, _ = parts_of(dataset, config)
    schedule = config.schedule
    batch_size = schedule.batch_size or BATCH
    drawn = generator(schedule.seed, "order", 1)  # as `Objective.batches`
    order = torch.randperm(len(train), generator=drawn)
    if schedule.sampling == "balanced":
        order = balanced(torch.from_numpy(train.targets), drawn)
    first = train.take(order[:batch_size].tolist())
    task = load_material(first, model.input, torch.device("cpu"), silent)
    x = task.images(slice(None))
    x = augment(x, schedule.augmentation or "shift", generator(schedule.seed, "task", 0))
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(schedule.seed, "step", 0))
        x, target = mixed(x, task.labels, len(train.labels), schedule)
    make_folder(folder / FOLDER)
    for k, one in enumerate(x[:PICTURES].clamp(0, 1).permute(0, 2, 3, 1).numpy()):
        write_bytes(folder / FOLDER / f"{k}.png", encode_png(one))
    if target.ndim == 1:
        target = one_hot(target, len(train.labels)).float()
    return tuple(_seen(shares, train.labels.names) for shares in target[:PICTURES])


def _seen(shares: Tensor, names: Sequence[str]) -> Seen:
    ordered = sorted(shares.nonzero().flatten().tolist(), key=lambda k: -float(shares[k]))
    return Seen(tuple(names[k] for k in ordered), tuple(float(shares[k]) for k in ordered))
