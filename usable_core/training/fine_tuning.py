"""θ* = argmin L_pre(θ) + λ·L_fine(θ): from a pretrained model to one for the task.

L_fine is the cross-entropy of a new head on the task, L_pre that of the pretrained head on source
data, or what stands in for it; see `joint`. Both heads share the backbone.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from usable_core.catalog.recipes import RECIPES
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import require_classes, training_splits
from usable_core.device import best_device
from usable_core.errors import CheckpointError, ConfigError, UsableError
from usable_core.evaluations.specs import Report, require
from usable_core.evaluations.training import FineTuningConfig, Start, TrainingResult
from usable_core.inputs.input import Input
from usable_core.inputs.prompts import with_prompt
from usable_core.inputs.tokens import Tokens
from usable_core.models.heads import head, replace_head
from usable_core.models.model import Model
from usable_core.models.modes import frozen
from usable_core.models.sources.from_card import build, check_architecture
from usable_core.randomness import generator
from usable_core.training.augmentation import augment
from usable_core.training.joint import Balance, Joint, Keep
from usable_core.training.language_modelling import language_modelling
from usable_core.training.loop import Fitted, fit, unmoved
from usable_core.training.material import Material, answers_to, load_material, validate
from usable_core.training.mixing import mixed
from usable_core.training.objective import Loss, Objective
from usable_core.training.probing import linear_head, probe
from usable_core.training.remarks import on_proxy, on_unit
from usable_core.training.resuming import Checkpoints, question_of
from usable_core.training.retained import Kept, Source, SourceData, load_source, load_texts
from usable_core.training.trained import Trained, finished
from usable_core.training.trainee import Trainee
from usable_core.training.usual_rates import resolved


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
        DatasetRefused: the data set has no labels, or one class alone.
        IncompatibleLabels: the source holds classes that the model does not know.
        Diverged: the losses ran away; the last good weights are in the folder's `last_good`.
        UsableError: there is an L_pre, and the pretrained head is not one linear layer that both
            objectives can share the backbone with.
    """
    began = time.perf_counter()
    architecture = _architecture(model)
    require_classes(dataset)
    torch.manual_seed(config.schedule.seed)
    device = best_device()
    train, validation = training_splits(dataset, config.dataset)
    takes = _asked(model.input, config.prompt)
    network = _new_network(model, len(dataset.labels), config).to(device)
    task = load_material(train, takes, device, report)
    schedule = resolved(config.schedule, network, config.method, model.kind, examples=len(task))
    config = replace(config, schedule=schedule)
    held_out = load_material(validation, takes, device, report)
    others = (model.fingerprint,) if source is None else (model.fingerprint, source.fingerprint)
    checkpoints = Checkpoints(folder, question_of(config, train, *others))
    trainee = Trainee(network, takes, train.labels)
    tuning = _Tuning(config, trainee, task, held_out, checkpoints)
    data = None
    if source is not None and config.source is not None:
        data = Source(source, config.source, train.ids, validation.ids)
    keeping = _keeping(tuning, model, data, report) if config.is_joint else None
    fitted = tuning.fitted(keeping, report)

    def trained() -> Trained:
        kept = None if keeping is None else keeping.measured()
        of_recipe = RECIPES[config.recipe].faults if config.recipe else ()
        answers = answers_to(tuning.trainee, held_out, validation)
        return Trained(
            network=network.cpu(),
            takes=takes,
            data=train,
            config=config,
            fitted=fitted,
            seconds=fitted.earlier + time.perf_counter() - began,
            validation=answers,
            architecture=architecture,
            arch_options=model.card.get("arch_options") or {},
            base=model.name,
            base_fingerprint=model.fingerprint,
            kept=kept,
            remarks=of_recipe + (() if keeping is None else keeping.remarks(fitted.start)),
        )

    return finished(fitted, trained, folder, checkpoints)


@dataclass(frozen=True)
class _Keeping:
    """What is kept while the task is learned: L_pre, how it is weighed, and the source's data."""

    joint: Joint
    keep: Keep
    balance: Balance
    source: SourceData | None
    proxy: str

    def remarks(self, start: Start) -> tuple[str, ...]:
        """Return what a reader must know of L_pre."""
        unit = self.balance.source_unit(start)
        is_other = self.balance.unit is None and unit != start.source
        stand_in = (on_proxy(self.proxy),) if self.source is None else ()
        return stand_in + ((on_unit(start, unit),) if is_other else ())

    def measured(self) -> Kept | None:
        """Return the source model that is left, with what it retained; None without source data."""
        return None if self.source is None else self.source.measured(self.joint.retained())


@dataclass(frozen=True)
class _Tuning:
    """A network and what it is trained on and validated by."""

    config: FineTuningConfig
    trainee: Trainee
    task: Material
    held_out: Material
    checkpoints: Checkpoints

    def fitted(self, keeping: _Keeping | None, report: Report) -> Fitted:
        """Train the network, in place."""
        schedule = self.config.schedule
        if self.config.method == "linear_probe":
            data = self.task, self.held_out
            return probe(self.trainee, *data, schedule, report, self.checkpoints)
        objective = self.objective(keeping)
        if keeping is not None and keeping.balance.is_unmoved:
            return unmoved(objective, schedule, report)
        return fit(objective, schedule, report, self.checkpoints)

    def objective(self, keeping: _Keeping | None) -> Objective:
        """Return what is minimised."""
        network, rate = self.trainee.network, self.config.backbone_rate
        alone = Objective(
            parts=[(head(network), 1.0), (network, rate)],
            loss=self._loss(keeping),
            validate=lambda: validate(self.trainee, self.held_out),
            examples=len(self.task),
            classes=len(self.trainee.labels),
            device=self.trainee.device,
            labels=self.task.labels,
            lengths=self.task.lengths,
            expect=self.task.expect,
        )
        if keeping is None:
            return alone
        joint = keeping.joint
        parts = [alone.parts[0], (joint.head, rate), alone.parts[1], (joint.statistics, 0.0)]
        return replace(alone, parts=parts, weigh=keeping.balance.weights)

    def _loss(self, keeping: _Keeping | None) -> Callable[[Tensor, int], Loss]:
        network, schedule, task = self.trainee.network, self.config.schedule, self.task
        classes = len(self.trainee.labels)

        def loss(indices: Tensor, step: int) -> Loss:
            network.train()
            y = task.labels[indices.to(task.labels.device)]
            drawn = generator(schedule.seed, "task", step)
            x = augment(task.images(indices), schedule.augmentation or "none", drawn)
            x, target = mixed(x, y, classes, schedule)
            x = x.contiguous(memory_format=torch.channels_last)
            x = self.trainee.input.normalise(x)
            logits = network(x).float()
            fine = F.cross_entropy(logits, target, label_smoothing=schedule.label_smoothing)
            correct = logits.detach().argmax(1).eq(y).sum()
            return Loss(fine, correct, None if keeping is None else keeping.keep(x, step))

        return loss


def _asked(takes: Input, prompt: str) -> Input:
    """Return what a model takes with the prompt of a training, if it has one."""
    if not prompt:
        return takes
    if not isinstance(takes, Tokens):
        raise ConfigError(
            "A prompt is read behind texts, and the model takes pictures. Leave it out."
        )
    return with_prompt(takes, prompt)


def _architecture(model: Model) -> str:
    """Return how the network is built again; asked first, for without it all work would be lost."""
    head(model.network)  # a fixed program is refused by its own sentence
    architecture = model.card.get("architecture")
    if not architecture:
        raise CheckpointError(
            f"The card of {model.name} does not say its architecture, so what is trained could not "
            "be loaded again. Load it by a reference that names its architecture (keras/NAME, "
            "timm/NAME, … with --weights FILE), or give wrap_model(…, "
            'card={"architecture": "timm/NAME"}).'
        )
    check_architecture(architecture)
    return str(architecture)


def _new_network(model: Model, classes: int, config: FineTuningConfig) -> nn.Module:
    if config.from_scratch and model.kind == "text":
        card = model.card
        network = build(card["architecture"], classes, card.get("arch_options") or {})
    else:
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
    shown = model.input.trial().to(model.device)
    with frozen(model.network):
        last = linear_head(model.network, model.input.normalise(shown))
    if last is None:
        raise UsableError(
            f"L_pre needs a pretrained network that ends in one linear layer; {model.name} does "
            "not. Leave the source out, or choose another backbone."
        )


def _keeping(tuning: _Tuning, model: Model, source: Source | None, report: Report) -> _Keeping:
    """Return what the config asks to keep."""
    _check_joint(model)
    config, device = tuning.config, best_device()
    start = copy.deepcopy(model.network).to(device).to(memory_format=torch.channels_last)
    joint = Joint(tuning.trainee.network, start)
    balance = Balance(config.task_weight, len(model.labels))
    if config.proxy == "distance":
        return _Keeping(joint, joint.distance(), replace(balance, unit=1.0), None, config.proxy)
    if source is None:
        require(
            bool(model.labels),
            "proxy",
            f"distance for {model.name}, which has no classes whose answers could be kept; or give "
            "source texts (--source)",
            config.proxy,
        )
        return _Keeping(joint, joint.distillation(), balance, None, config.proxy)
    if model.labels:
        data = load_source(source, model, start, report)
        keep = joint.labels(data.material, model.input, config.schedule)
        return _Keeping(joint, keep, balance, data, config.proxy)
    expected = f"left out for {model.name}, which has no classes; or --proxy distance"
    require(model.kind == "text", "source", expected, config.source and config.source.reference)
    takes = cast(Tokens, model.input)
    modelling = language_modelling(tuning.trainee.network, takes, model.name)
    data = load_texts(source, model, start, modelling, report)
    keep = joint.guesses(data.material, modelling, config.schedule)
    balance = replace(balance, classes=takes.known)
    return _Keeping(joint, keep, balance, data, config.proxy)
