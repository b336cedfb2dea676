"""θ* = argmin L_pre(θ) + λ·L_fine(θ): from a pretrained model to one for the task.

L_fine is the cross-entropy of a new head on the task, L_pre that of the pretrained head on source
data, or what stands in for it; see `joint`. Both heads share the backbone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from usable_core.catalog.recipes import RECIPES, require_fitting
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import parts_of, require_classes
from usable_core.device import best_device
from usable_core.errors import CheckpointError
from usable_core.evaluations.specs import Report
from usable_core.evaluations.training import FineTuningConfig, TrainingResult
from usable_core.inputs.prompts import asked
from usable_core.models.blocks import freeze_below, multiples
from usable_core.models.heads import head
from usable_core.models.model import Model
from usable_core.models.modes import batch_norms
from usable_core.models.sources.from_card import check_architecture
from usable_core.randomness import generator
from usable_core.training.augmentation import augment
from usable_core.training.initial import new_network
from usable_core.training.joint import Keep
from usable_core.training.keeping import Keeping, keeping_of
from usable_core.training.loop import Fitted, fit, unmoved
from usable_core.training.material import Material, answers_to, load_material, validate
from usable_core.training.micro_batches import Batch, in_parts, one_after_another, whole
from usable_core.training.mixing import mixed
from usable_core.training.objective import Loss, Objective
from usable_core.training.probing import probe, probe_then_fit
from usable_core.training.remarks import on_statistics
from usable_core.training.resuming import Checkpoints, question_of
from usable_core.training.retained import Source
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
    tuning = prepared(model, dataset, config, source, report)
    others = (model.fingerprint,) if source is None else (model.fingerprint, source.fingerprint)
    checkpoints = Checkpoints(folder, question_of(tuning.config, tuning.train, *others))
    fitted = tuning.fitted(report, checkpoints)

    def trained() -> Trained:
        keeping, trainee = tuning.keeping, tuning.trainee
        kept = None if keeping is None else keeping.measured()
        of_recipe = RECIPES[config.recipe].faults if config.recipe else ()
        is_normalised = tuning.moves_statistics and not config.from_scratch
        of_start = on_statistics(model.network) if is_normalised else ()
        of_kept = () if keeping is None else keeping.remarks(fitted.start)
        answers = answers_to(trainee, tuning.held_out, tuning.validation)
        return Trained(
            network=trainee.network.cpu(),
            takes=trainee.input,
            data=tuning.train,
            config=tuning.config,
            fitted=fitted,
            seconds=fitted.earlier + time.perf_counter() - began,
            validation=answers,
            architecture=architecture,
            arch_options=model.card.get("arch_options") or {},
            base=model.name,
            base_fingerprint=model.fingerprint,
            kept=kept,
            remarks=of_recipe + of_start + of_kept,
        )

    return finished(fitted, trained, folder, checkpoints)


def prepared(
    model: Model, dataset: Dataset, config: FineTuningConfig, source: Dataset | None, report: Report
) -> "Tuning":
    """Return what is trained, before its first step; arguments and errors as of `fine_tune`."""
    require_classes(dataset)
    require_fitting(config.recipe, model.kind)
    torch.manual_seed(config.schedule.seed)
    device = best_device()
    train, validation = parts_of(dataset, config)
    takes = asked(model.input, config.prompt)
    network = new_network(model, len(dataset.labels), config).to(device)
    few = config.last_blocks
    resting = frozenset[str]() if few is None else freeze_below(network, few)
    if config.method == "probe_then_full":  # the probe's features are of these statistics
        resting |= batch_norms(network)
    task = load_material(train, takes, device, report)
    schedule = resolved(config.schedule, network, config.method, model.kind, examples=len(task))
    config = replace(config, schedule=schedule)
    held_out = load_material(validation, takes, device, report)
    tuning = Tuning(
        config, Trainee(network, takes, train.labels), train, validation, task, held_out, resting
    )
    if not config.is_joint:
        return tuning
    data = None
    if source is not None and config.source is not None:
        data = Source(source, config.source, train.ids, validation.ids)
    return replace(tuning, keeping=keeping_of(config, network, resting, model, data, report))


@dataclass(frozen=True)
class Tuning:
    """A network, what it is trained on and validated by, and what it keeps.

    Attributes:
        config: The question; its schedule leaves nothing open.
        trainee: The network.
        train: Examples that it is trained on; `task` as they are held in memory.
        validation: Examples that it is validated by; `held_out` as they are held in memory.
        resting: Names of the network's modules that rest.
        keeping: What is kept; None where nothing is.
    """

    config: FineTuningConfig
    trainee: Trainee
    train: Dataset
    validation: Dataset
    task: Material
    held_out: Material
    resting: frozenset[str] = frozenset()
    keeping: Keeping | None = None

    @property
    def is_unmoved(self) -> bool:
        """Tell whether the start itself is the answer."""
        return self.keeping is not None and self.keeping.balance.is_unmoved

    @property
    def moves_statistics(self) -> bool:
        """Tell whether layers of batch normalisation see the batches."""
        is_fixed = self.config.method == "linear_probe" or self.is_unmoved
        return not is_fixed and bool(batch_norms(self.trainee.network) - self.resting)

    def fitted(self, report: Report, checkpoints: Checkpoints) -> Fitted:
        """Train the network, in place."""
        schedule, data = self.config.schedule, (self.task, self.held_out)
        if self.config.method == "linear_probe":
            return probe(self.trainee, *data, schedule, report, checkpoints)
        objective = self.objective()
        if self.is_unmoved:
            return unmoved(objective, schedule, report)
        if self.config.method == "probe_then_full":
            return probe_then_fit(self.trainee, *data, objective, schedule, report, checkpoints)
        return fit(objective, schedule, report, checkpoints)

    def objective(self) -> Objective:
        """Return what is minimised where weights of the backbone are moved."""
        keeping, network, config = self.keeping, self.trainee.network, self.config
        rate, decay = config.backbone_rate, config.layer_decay
        judge = self._judge(None if keeping is None else keeping.keep)
        alone = Objective(
            parts=[(head(network), 1.0), (network, rate)],
            loss=whole(self._read, judge),
            validate=lambda: validate(self.trainee, self.held_out),
            examples=len(self.task),
            classes=len(self.trainee.labels),
            device=self.trainee.device,
            multiples={} if decay == 1 else multiples(network, decay),
            labels=self.task.labels,
            lengths=self.task.lengths,
            expect=self.task.expect,
            micro_batches=in_parts(self._read, judge),
        )
        if keeping is None:
            return alone
        joint = keeping.joint
        parts = [alone.parts[0], (joint.head, rate), alone.parts[1], (joint.statistics, 0.0)]
        both = replace(alone, parts=parts, weigh=keeping.balance.weights)
        if keeping.parts is None:
            return both
        task = in_parts(self._read, self._judge(None))
        return replace(both, micro_batches=one_after_another(task, keeping.parts))

    def _read(self, indices: Tensor, step: int) -> Batch:
        """Return the examples of a step, changed and mixed as the schedule says."""
        schedule, task = self.config.schedule, self.task
        y = task.labels[indices.to(task.labels.device)]
        drawn = generator(schedule.seed, "task", step)
        x = augment(task.images(indices), schedule.augmentation or "none", drawn)
        x, target = mixed(x, y, len(self.trainee.labels), schedule)
        x = x.contiguous(memory_format=torch.channels_last)
        return Batch(self.trainee.input.normalise(x), target, y)

    def _judge(self, keep: Keep | None) -> Callable[[Batch, int], Loss]:
        network, smoothing = self.trainee.network, self.config.schedule.label_smoothing
        at_rest = [m for name, m in network.named_modules() if name in self.resting]

        def judge(batch: Batch, step: int) -> Loss:
            network.train()
            for module in at_rest:
                module.training = False
            logits = network(batch.x).float()
            fine = F.cross_entropy(logits, batch.target, label_smoothing=smoothing)
            correct = logits.detach().argmax(1).eq(batch.y).sum()
            return Loss(fine, correct, None if keep is None else keep(batch.x, step))

        return judge


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
