"""Training a network of texts from random weights, without labels: it guesses pieces of them.

What comes of it is a start for fine-tuning: it has a tokenizer and a card, and no classes.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from usable_core.catalog import implementation
from usable_core.catalog.architectures import ARCHITECTURES
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import training_splits
from usable_core.device import best_device
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import Report, require
from usable_core.evaluations.training import TrainingResult
from usable_core.models.modes import frozen
from usable_core.models.text_architectures import TextStart
from usable_core.randomness import generator
from usable_core.training.language_modelling import Asked, LanguageModelling, language_modelling
from usable_core.training.loop import fit
from usable_core.training.material import VALIDATION_BATCH, Material, load_material
from usable_core.training.meter import Validation
from usable_core.training.micro_batches import MicroBatches
from usable_core.training.objective import Loss, Objective, Part
from usable_core.training.resuming import Checkpoints, question_of
from usable_core.training.trained import Guessing, Trained, finished
from usable_core.training.usual_rates import resolved

RATE = 1e-3  # of AdamW, where none is asked for; Turc et al. 2019, arXiv:1908.08962, of small ones


def pretrain_texts(
    *, dataset: Dataset, config: PretrainingConfig, report: Report, folder: Path
) -> TrainingResult:
    """Train a network of texts from random weights and put it on the shelf; as `pretrain`.

    Raises:
        ConfigError: it is to be trained as networks of pictures are.
        Diverged: the losses ran away; the last good weights are in the folder's `last_good`.
    """
    began = time.perf_counter()
    _check(config)
    torch.manual_seed(config.schedule.seed)
    device = best_device()
    train, validation = training_splits(dataset, config.dataset)
    report(0, 0, "Learning the pieces of words")
    begin = implementation(ARCHITECTURES[config.architecture].function)
    start: TextStart = begin(train[i][0] for i in range(len(train)))
    start.network.to(device)
    config = replace(config, schedule=_schedule(config.schedule, start))
    material, held_out = (
        load_material(part, start.takes, device, report) for part in (train, validation)
    )
    modelling = language_modelling(start.network, start.takes, config.architecture)
    parts = _parts(modelling, material, config.schedule.seed)
    objective = Objective(
        parts=[(modelling.trunk, 1.0)],
        loss=lambda indices, step: next(parts(indices, step, len(indices)))(),
        validate=lambda: validate(modelling, held_out),
        examples=len(material),
        classes=start.takes.known,
        device=device,
        lengths=material.lengths,
        micro_batches=parts,
    )
    checkpoints = Checkpoints(folder, question_of(config, train))
    fitted = fit(objective, config.schedule, report, checkpoints)

    def trained() -> Trained:
        return Trained(
            network=start.network.cpu(),
            takes=start.takes,
            data=train,
            config=config,
            fitted=fitted,
            seconds=fitted.earlier + time.perf_counter() - began,
            validation=Guessing("causal" if modelling.is_causal else "masked", len(held_out)),
            architecture=start.architecture,
            arch_options=start.arch_options,
        )

    return finished(fitted, trained, folder, checkpoints)


def _check(config: PretrainingConfig) -> None:
    """Check that what is asked has a meaning for texts."""
    require(config.epsilon == 0, "epsilon", "0 for texts, which have no pixels", config.epsilon)
    expected = "left out for texts, which guess pieces of themselves"
    require(config.objective == "supervised", "objective", expected, config.objective)
    smoothing = config.schedule.label_smoothing
    require(smoothing == 0, "label_smoothing", "0 where there are no labels", smoothing)
    sampling = config.schedule.sampling
    require(sampling == "uniform", "sampling", "uniform where there are no labels", sampling)


def _schedule(schedule: Schedule, start: TextStart) -> Schedule:
    """Return a schedule that leaves nothing open."""
    is_adamw = schedule.optimizer in (None, "adamw")
    rate = RATE if schedule.learning_rate is None and is_adamw else schedule.learning_rate
    return resolved(replace(schedule, learning_rate=rate), start.network, "full", "text")


def _parts(modelling: LanguageModelling, material: Material, seed: int) -> MicroBatches:
    """Return the parts of a step, whose losses add up to its mean over the pieces of all."""

    def parts(indices: Tensor, step: int, most: int) -> Iterator[Part]:
        modelling.trunk.train()
        asked = modelling.asked(material.images(indices), generator(seed, "task", step))
        texts = len(indices) / max(len(asked.truth), 1)  # of a guessed piece
        for share, part in asked.parts(most):
            yield partial(_judged, modelling, part, share, texts)

    return parts


def _judged(modelling: LanguageModelling, asked: Asked, share: float, texts: float) -> Loss:
    found = modelling.guessed(asked)
    return Loss(found.loss, found.correct * texts).of_share(share)


def validate(modelling: LanguageModelling, material: Material) -> Validation:
    """Return mean cross-entropy (nats) a guessed piece, and how many were right.

    The same pieces are hidden each time.
    """
    drawn = torch.Generator().manual_seed(0)
    loss = correct = count = 0.0
    with frozen(modelling.trunk), torch.inference_mode():
        for first in range(0, len(material), VALIDATION_BATCH):
            rows = slice(first, min(first + VALIDATION_BATCH, len(material)))
            found = modelling.guesses(material.images(rows), drawn)
            loss += float(found.loss) * found.count
            correct += float(found.correct)
            count += found.count
    return Validation(loss / count, correct / count)
