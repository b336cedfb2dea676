"""θ* = argmin L_pre(θ) + λ·L_fine(θ): from a pretrained model to one for the task.

L_fine is the cross-entropy of a new head on the task. L_pre is the cross-entropy of the pretrained
head on source data, where such data is given; both heads share the backbone. Batch normalisation
updates its statistics on what passes through, source images included.
"""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import training_splits
from usable_core.device import best_device
from usable_core.errors import CheckpointError, UsableError
from usable_core.evaluations.specs import Precision, Report
from usable_core.evaluations.training import FineTuningConfig, TrainingResult
from usable_core.measuring.label_matching import target_indices
from usable_core.models.heads import features, head, replace_head
from usable_core.models.model import Model
from usable_core.models.modes import frozen
from usable_core.models.sources.from_card import check_architecture
from usable_core.training.augmentation import augment
from usable_core.training.loop import Loss, Objective, fit, number_format
from usable_core.training.material import Material, answers_to, load_material, validate
from usable_core.training.probing import linear_head, probe
from usable_core.training.trained import Trained, save_trained
from usable_core.training.trainee import Trainee


def fine_tune(
    *,
    model: Model,
    dataset: Dataset,
    config: FineTuningConfig,
    report: Report,
    folder: Path,
    source: Dataset | None = None,
) -> TrainingResult:
    """Fine-tune a copy of the model on the task and put it on the shelf.

    Args:
        model: Where θ starts; unchanged.
        dataset: The whole task; its train and validation splits are used, never its test split.
        config: What and how.
        report: Told steps done and the newest figures.
        folder: Where the weights and the card go.
        source: The whole data set of L_pre, with classes that the model knows.

    Raises:
        CheckpointError: the model is a fixed program and cannot be trained, or its card does not
            say how to build it again.
        IncompatibleLabels: the source holds classes that the model does not know.
        UsableError: the training diverged, or a source was given and the pretrained head is not one
            linear layer that both objectives can share the backbone with.
    """
    began = time.perf_counter()
    architecture = _architecture(model)
    torch.manual_seed(config.schedule.seed)
    device = best_device()
    train, validation = training_splits(dataset, config.dataset)
    old_head = copy.deepcopy(head(model.network)).to(device)
    network = _new_network(model, len(dataset.labels), config).to(device)
    task = load_material(train, model.preprocessing, device, report)
    held_out = load_material(validation, model.preprocessing, device, report)
    trainee = Trainee(network, model.preprocessing, train.labels)
    precision: Precision = "float32"
    if config.method == "linear_probe":
        records = probe(trainee, task, held_out, config.schedule, report)
    else:
        joint = _joint(source, model, config, old_head, report)
        objective = _objective(trainee, task, held_out, config, joint)
        precision = number_format(objective, config.schedule)
        records = fit(objective, config.schedule, precision, report)
    answers = answers_to(trainee, held_out, validation)
    trained = Trained(
        network=network.cpu(),
        preprocessing=model.preprocessing,
        data=train,
        config=config,
        records=records,
        seconds=time.perf_counter() - began,
        precision=precision,
        validation=answers,
        architecture=architecture,
        arch_options=model.card.get("arch_options") or {},
        base=model.name,
        base_fingerprint=model.fingerprint,
    )
    return save_trained(trained, folder)


@dataclass(frozen=True)
class _Source:
    """What L_pre is made of: the pretrained head and the source's images, by its own classes."""

    head: nn.Module
    material: Material


def _architecture(model: Model) -> str:
    """Return how the network is built again; asked first, for without it all work would be lost."""
    head(model.network)  # a fixed program is refused by its own sentence
    architecture = model.card.get("architecture")
    if not architecture:
        raise CheckpointError(
            f"The card of {model.name} does not say its architecture, so what is trained could not "
            'be loaded again. Give wrap_model(…, card={"architecture": "timm/NAME"}), or load the '
            "model by a reference."
        )
    check_architecture(architecture)
    return str(architecture)


def _new_network(model: Model, classes: int, config: FineTuningConfig) -> nn.Module:
    network = replace_head(copy.deepcopy(model.network), classes)
    if config.from_scratch:
        _forget(network)
    network.requires_grad_(True)
    return network.to(memory_format=torch.channels_last)


def _forget(network: nn.Module) -> None:
    """Set every weight to the random start that its layer was designed with."""
    for module in network.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
        else:
            for parameter in module.parameters(recurse=False):  # position embeddings, class tokens
                nn.init.trunc_normal_(parameter, std=0.02)  # Dosovitskiy et al. 2021


def _check_joint(model: Model) -> None:
    grey = torch.full((2, 3, *model.input_size), 0.5, device=model.device)
    with frozen(model.network):
        last = linear_head(model.network, model.preprocessing.normalise(grey))
    if last is None:
        raise UsableError(
            f"L_pre needs a pretrained network that ends in one linear layer; {model.name} does "
            "not. Leave the source out, or choose another backbone."
        )


def _joint(
    source: Dataset | None,
    model: Model,
    config: FineTuningConfig,
    old_head: nn.Module,
    report: Report,
) -> _Source | None:
    """Return what L_pre is made of; None where no source is given."""
    if source is None or config.source is None:
        return None
    device = best_device()
    to_model = torch.from_numpy(target_indices(model, source)).to(device)
    train, _ = training_splits(source, config.source)
    material = load_material(train, model.preprocessing, device, report)
    _check_joint(model)
    old_head.requires_grad_(True)
    return _Source(old_head, Material(material.pixels, to_model[material.labels]))


def _objective(
    trainee: Trainee,
    task: Material,
    held_out: Material,
    config: FineTuningConfig,
    source: _Source | None,
) -> Objective:
    parts = [(head(trainee.network), 1.0), (trainee.network, config.backbone_rate)]
    if source is not None:
        parts.insert(1, (source.head, config.backbone_rate))
    return Objective(
        parts=parts,
        begin=lambda: _loss(trainee, task, config, source),
        validate=lambda: validate(trainee, held_out),
        examples=len(task),
        device=trainee.device,
    )


def _loss(
    trainee: Trainee, task: Material, config: FineTuningConfig, source: _Source | None
) -> Callable[[Tensor], Loss]:
    network, schedule = trainee.network, config.schedule
    generator = torch.Generator().manual_seed(schedule.seed + 1)
    size = schedule.batch_size
    stream = None if source is None else _endless(len(source.material), size, generator)

    def normalised(x: Tensor) -> Tensor:
        x = augment(x, schedule.augmentation, generator)
        return trainee.preprocessing.normalise(x.contiguous(memory_format=torch.channels_last))

    def loss(indices: Tensor) -> Loss:
        network.train()
        y = task.labels[indices.to(task.labels.device)]
        logits = network(normalised(task.images(indices))).float()
        fine = F.cross_entropy(logits, y, label_smoothing=schedule.label_smoothing)
        correct = logits.detach().argmax(1).eq(y).sum()
        if source is None or stream is None:
            return Loss(fine, fine.detach(), correct)
        # Each pass rounds the weights for itself, so that their gradients meet in float32.
        torch.clear_autocast_cache()
        rows, material = next(stream), source.material
        retained = source.head(features(network, normalised(material.images(rows)))).float()
        pre = F.cross_entropy(retained, material.labels[rows.to(material.labels.device)])
        return Loss(pre + config.task_weight * fine, fine.detach(), correct, pre.detach())

    return loss


def _endless(examples: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield batches of indices, in a new order at every pass, for ever."""
    while True:
        yield from torch.split(torch.randperm(examples, generator=generator), batch_size)
