"""Training an architecture from random weights: on clean or adversarial images, or on texts."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from usable_core.catalog import implementation
from usable_core.catalog.architectures import ARCHITECTURES
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import require_classes, training_splits
from usable_core.device import best_device
from usable_core.errors import ConfigError
from usable_core.evaluations.specs import Report
from usable_core.evaluations.training import PretrainingConfig, TrainingResult
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.randomness import generator
from usable_core.training.adversarial import perturb
from usable_core.training.augmentation import augment
from usable_core.training.loop import fit
from usable_core.training.material import Material, answers_to, load_material, validate
from usable_core.training.mixing import mixed
from usable_core.training.objective import Loss, Objective
from usable_core.training.resuming import Checkpoints, question_of
from usable_core.training.text_pretraining import pretrain_texts
from usable_core.training.trained import Trained, finished
from usable_core.training.trainee import Trainee
from usable_core.training.usual_rates import resolved

SIDE = 32  # the input size of our architectures


def pretrain(
    *, dataset: Dataset, config: PretrainingConfig, report: Report, folder: Path
) -> TrainingResult:
    """Train an architecture from random weights and put it on the shelf.

    Args:
        dataset: The whole data set; `config.dataset` says which part is trained on.
        config: What and how.
        report: Told steps done and the newest figures.
        folder: Where the weights and the card go.

    Raises:
        ConfigError: the architecture takes texts and the data are of pictures, or the other way.
        DatasetRefused: all images are of one class.
        Diverged: the losses ran away; the last good weights are in the folder's `last_good`.
    """
    kind = ARCHITECTURES[config.architecture].kind
    if kind != dataset.kind:
        fitting = [name for name, row in ARCHITECTURES.items() if row.kind == dataset.kind]
        raise ConfigError(
            f"{config.architecture} takes {kind}s, and {dataset.name} holds {dataset.kind}s. "
            f"Choose {' or '.join(fitting)}, or data of {kind}s."
        )
    if kind == "text":
        return pretrain_texts(dataset=dataset, config=config, report=report, folder=folder)
    require_classes(dataset)
    began = time.perf_counter()
    torch.manual_seed(config.schedule.seed)
    device = best_device()
    train, validation = training_splits(dataset, config.dataset)
    preprocessing, material = _measure_passport(train, device, report)
    held_out = load_material(validation, preprocessing, device, report)
    build = implementation(ARCHITECTURES[config.architecture].function)
    network = build(len(dataset.labels)).to(device, memory_format=torch.channels_last)
    config = replace(config, schedule=resolved(config.schedule, network))
    trainee = Trainee(network, preprocessing, train.labels)
    objective = Objective(
        parts=[(network, 1.0)],
        loss=_loss(trainee, material, config),
        validate=lambda: validate(trainee, held_out),
        examples=len(material),
        classes=len(dataset.labels),
        device=device,
        labels=material.labels,
        expect=material.expect,
    )
    checkpoints = Checkpoints(folder, question_of(config, train))
    fitted = fit(objective, config.schedule, report, checkpoints)

    def trained() -> Trained:
        return Trained(
            network=network,
            takes=preprocessing,
            data=train,
            config=config,
            fitted=fitted,
            seconds=fitted.earlier + time.perf_counter() - began,
            validation=answers_to(trainee, held_out, validation),
            architecture=config.architecture,
        )

    return finished(fitted, trained, folder, checkpoints)


def _measure_passport(
    train: Dataset, device: torch.device, report: Report
) -> tuple[Preprocessing, Material]:
    """Return the preprocessing with the training split's own mean and std, and its pixels."""
    geometry = Preprocessing(resize=SIDE, crop=(SIDE, SIDE))
    material = load_material(train, geometry, device, report)
    sample = material.images(torch.arange(min(len(material), 10_000)))
    mean, std = sample.mean((0, 2, 3)), sample.std((0, 2, 3))
    measured = "measured on the training split"
    design = "input size of the architecture"
    passport = replace(
        geometry,
        mean=_channels(mean),
        std=_channels(std),
        sources={
            "resize": design,
            "crop": design,
            "interpolation": "choice of this project",
            "mean": measured,
            "std": measured,
        },
    )
    return passport, material


def _channels(values: Tensor) -> tuple[float, float, float]:
    red, green, blue = (round(float(value), 4) for value in values)
    return red, green, blue


def _loss(
    trainee: Trainee, material: Material, config: PretrainingConfig
) -> Callable[[Tensor, int], Loss]:
    network, preprocessing = trainee.network, trainee.preprocessing
    schedule = config.schedule

    def loss(indices: Tensor, step: int) -> Loss:
        network.train()
        y = material.labels[indices.to(material.labels.device)]
        drawn = generator(schedule.seed, "task", step)
        x = augment(material.images(indices), schedule.augmentation or "none", drawn)
        x, target = mixed(x, y, len(trainee.labels), schedule)
        x = x.contiguous(memory_format=torch.channels_last)
        if config.epsilon:
            x = perturb(network, preprocessing, x, target, config.epsilon)
        logits = network(preprocessing.normalise(x)).float()
        total = F.cross_entropy(logits, target, label_smoothing=schedule.label_smoothing)
        return Loss(total, logits.detach().argmax(1).eq(y).sum())

    return loss
