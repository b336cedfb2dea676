"""Training an architecture from random weights: with labels, adversarially, or without labels."""

import time
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
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import Report
from usable_core.evaluations.training import TrainingResult
from usable_core.randomness import generator
from usable_core.training.adversarial import Adversary
from usable_core.training.augmentation import augment
from usable_core.training.contrastive import pretrain_unlabelled
from usable_core.training.loop import fit
from usable_core.training.material import (
    VALIDATION_BATCH,
    Material,
    answers_to,
    load_material,
    validate,
)
from usable_core.training.micro_batches import Batch, Judge, Read, in_parts, whole
from usable_core.training.mixing import mixed
from usable_core.training.objective import Loss, Objective
from usable_core.training.own_passport import measure_passport
from usable_core.training.resuming import Checkpoints, question_of
from usable_core.training.text_pretraining import pretrain_texts
from usable_core.training.trained import Trained, finished
from usable_core.training.trainee import Trainee
from usable_core.training.usual_rates import resolved

PGD_STEPS = 10  # of the look at the end


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
    if config.objective == "contrastive":
        return pretrain_unlabelled(dataset=dataset, config=config, report=report, folder=folder)
    require_classes(dataset)
    began = time.perf_counter()
    torch.manual_seed(config.schedule.seed)
    device = best_device()
    train, validation = training_splits(dataset, config.dataset)
    preprocessing, material = measure_passport(train, device, report)
    held_out = load_material(validation, preprocessing, device, report)
    build = implementation(ARCHITECTURES[config.architecture].function)
    network = build(len(dataset.labels)).to(device, memory_format=torch.channels_last)
    config = replace(config, schedule=resolved(config.schedule, network))
    trainee = Trainee(network, preprocessing, train.labels)
    read, judge = _read(trainee, material, config.schedule), _judge(trainee, config)
    objective = Objective(
        parts=[(network, 1.0)],
        loss=whole(read, judge),
        validate=lambda: validate(trainee, held_out),
        examples=len(material),
        classes=len(dataset.labels),
        device=device,
        labels=material.labels,
        expect=material.expect,
        micro_batches=in_parts(read, judge),
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
            measured=_under_attack(trainee, held_out, config) if config.epsilon else {},
        )

    return finished(fitted, trained, folder, checkpoints)


def _read(trainee: Trainee, material: Material, schedule: Schedule) -> Read:
    def read(indices: Tensor, step: int) -> Batch:
        y = material.labels[indices.to(material.labels.device)]
        drawn = generator(schedule.seed, "task", step)
        x = augment(material.images(indices), schedule.augmentation or "none", drawn)
        x, target = mixed(x, y, len(trainee.labels), schedule)
        return Batch(x.contiguous(memory_format=torch.channels_last), target, y)

    return read


def _judge(trainee: Trainee, config: PretrainingConfig) -> Judge:
    network, preprocessing = trainee.network, trainee.preprocessing
    smoothing = config.schedule.label_smoothing
    adversary = Adversary(network, preprocessing, config, smoothing) if config.epsilon else None

    def judge(batch: Batch, _step: int) -> Loss:
        network.train()
        if adversary is None:
            logits = network(preprocessing.normalise(batch.x)).float()
            total = F.cross_entropy(logits, batch.target, label_smoothing=smoothing)
        else:
            total, logits = adversary.loss(batch.x, batch.target)
        return Loss(total, logits.detach().argmax(1).eq(batch.y).sum())

    return judge


def _under_attack(
    trainee: Trainee, held_out: Material, config: PretrainingConfig
) -> dict[str, float]:
    """Return the accuracy on validation images that PGD of 10 steps has moved within epsilon.

    It is measured once, after the last epoch, and is a first look: one start, one loss.
    """
    attack = replace(config, adversarial="pgd", attack_steps=PGD_STEPS)
    adversary = Adversary(trainee.network, trainee.preprocessing, attack)
    torch.manual_seed(0)
    right = 0.0
    for rows in torch.split(torch.arange(len(held_out)), VALIDATION_BATCH):
        y = held_out.labels[rows.to(held_out.labels.device)]
        x_adv = adversary.pgd(held_out.images(rows), y)
        right += float(adversary.answers(x_adv).eq(y).sum())
    return {"validation_accuracy_under_pgd": right / len(held_out)}
