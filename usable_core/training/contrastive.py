"""Training a network of pictures from random weights, without labels: it tells pictures apart.

Two views of each picture are to be found by each other among those of the batch (SimCLR, Chen et
al. 2020, arXiv:2002.05709). What comes of it is a start for fine-tuning, which has no classes.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from usable_core.catalog import implementation
from usable_core.catalog.architectures import ARCHITECTURES
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import training_splits
from usable_core.device import best_device
from usable_core.errors import DatasetRefused
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import Report
from usable_core.evaluations.training import TrainingResult
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models.heads import features, head
from usable_core.models.modes import frozen
from usable_core.randomness import generator
from usable_core.training.loop import fit
from usable_core.training.material import VALIDATION_BATCH, Material, load_material
from usable_core.training.meter import Validation
from usable_core.training.objective import Loss, Objective
from usable_core.training.own_passport import measure_passport
from usable_core.training.resuming import Checkpoints, question_of
from usable_core.training.trained import Guessing, Trained, finished
from usable_core.training.usual_rates import resolved
from usable_core.training.views import view

TEMPERATURE = 0.5  # best on CIFAR-10, appendix B.9 of the paper
PROJECTION = 128  # numbers that are compared, appendix B.1


def pretrain_unlabelled(
    *, dataset: Dataset, config: PretrainingConfig, report: Report, folder: Path
) -> TrainingResult:
    """Train a network of pictures from random weights and put it on the shelf; as `pretrain`.

    Where nothing else is said, by AdamW.

    Raises:
        DatasetRefused: there is a single picture for validation.
        Diverged: the losses ran away; the last good weights are in the folder's `last_good`.
    """
    began = time.perf_counter()
    torch.manual_seed(config.schedule.seed)
    device = best_device()
    train, validation = training_splits(dataset, config.dataset)
    preprocessing, material = measure_passport(train, device, report)
    held_out = load_material(validation, preprocessing, device, report)
    network = implementation(ARCHITECTURES[config.architecture].function)(0)
    network.to(device, memory_format=torch.channels_last)
    schedule = replace(config.schedule, optimizer=config.schedule.optimizer or "adamw")
    config = replace(config, schedule=resolved(schedule, network))
    projector = projector_of(network).to(device)
    compared = Contrast(network, projector, preprocessing, config.schedule)
    objective = compared.objective(material, held_out, device)
    checkpoints = Checkpoints(folder, question_of(config, train))
    fitted = fit(objective, config.schedule, report, checkpoints)

    def trained() -> Trained:
        is_labelled = len(dataset.labels) > 1
        near = compared.neighbour_accuracy(material, held_out) if is_labelled else math.nan
        return Trained(
            network=network,
            takes=preprocessing,
            data=train,
            config=config,
            fitted=fitted,
            seconds=fitted.earlier + time.perf_counter() - began,
            validation=Guessing("contrastive", len(held_out)),
            architecture=config.architecture,
            measured={"nearest_neighbour_accuracy": near} if is_labelled else {},
        )

    return finished(fitted, trained, folder, checkpoints)


def contrast(first: Tensor, second: Tensor) -> Loss:
    """Return NT-Xent of two views (N, D) of the same pictures, and how often they find each other.

    Each view is told among the 2 N − 1 others by cosine similarity over a temperature; its loss is
    a cross-entropy (nats) over them. `correct` is the share that is nearest times N.

    Reference: Chen et al. 2020, eq. 1.
    """
    n = len(first)
    with torch.autocast(first.device.type, enabled=False):
        z = F.normalize(torch.cat([first, second]).float(), dim=1)
        logits = (z @ z.T / TEMPERATURE).masked_fill(
            torch.eye(2 * n, dtype=torch.bool, device=z.device), -torch.inf
        )
    other = torch.arange(2 * n, device=z.device).roll(n)
    correct = logits.detach().argmax(1).eq(other).float().mean() * n
    return Loss(F.cross_entropy(logits, other), correct)


@dataclass(frozen=True)
class Contrast:
    """A network whose features of views are compared, and what they pass through first.

    Attributes:
        network: What is trained; its head is not.
        projector: From features (N, D) to what is compared; thrown away afterwards.
        preprocessing: Of its pictures.
        schedule: Resolved.
    """

    network: nn.Module
    projector: nn.Module
    preprocessing: Preprocessing
    schedule: Schedule

    def objective(self, train: Material, held_out: Material, device: torch.device) -> Objective:
        """Return what is minimised.

        Raises:
            DatasetRefused: there is a single picture for validation.
        """
        if len(held_out) < 2:
            raise DatasetRefused(
                "Contrastive training compares pictures, and there is a single one for validation. "
                "Give more pictures."
            )
        return Objective(
            parts=[(self.network, 1.0), (self.projector, 1.0)],
            loss=self._loss(train),
            validate=lambda: self.validate(held_out),
            examples=len(train),
            classes=2 * self.schedule.numbers[1] - 1,  # that a view is told among
            device=device,
            expect=train.expect,
        )

    def _loss(self, material: Material) -> Callable[[Tensor, int], Loss]:
        def loss(indices: Tensor, step: int) -> Loss:
            self.network.train()
            drawn = generator(self.schedule.seed, "task", step)
            return self.compared(material.images(indices), drawn)

        return loss

    def compared(self, x: Tensor, drawn: torch.Generator) -> Loss:
        """Return the loss of two views of images x (N, 3, H, W), in whatever mode the network is.

        Both go through it together, so that batch normalisation sees all views of a batch.
        """
        kind = self.schedule.augmentation or "shift"
        views = torch.cat([view(x, kind, drawn), view(x, kind, drawn)])
        views = views.contiguous(memory_format=torch.channels_last)
        z = self.projector(features(self.network, self.preprocessing.normalise(views)))
        return contrast(z[: len(x)], z[len(x) :])

    def validate(self, material: Material) -> Validation:
        """Return the mean loss, and how often a view is found; the same views each time.

        Batches are as large as in training, for among fewer views one is found more easily.
        """
        drawn, loss, correct = torch.Generator().manual_seed(0), 0.0, 0.0
        parts = math.ceil(len(material) / self.schedule.numbers[1])
        with frozen(self.network), torch.inference_mode():
            for rows in torch.arange(len(material)).tensor_split(parts):
                found = self.compared(material.images(rows), drawn)
                loss += float(found.task) * len(rows)
                correct += float(found.correct)
        return Validation(loss / len(material), correct / len(material))

    def neighbour_accuracy(self, train: Material, held_out: Material) -> float:
        """Return how often the most similar training picture is of a held-out picture's class."""
        known, right = self._directions(train), 0.0
        for rows in torch.split(torch.arange(len(held_out)), VALIDATION_BATCH):
            nearest = (self._directions(held_out, rows) @ known.T).argmax(1)
            right += float(train.labels[nearest].eq(held_out.labels[rows]).sum())
        return right / len(held_out)

    def _directions(self, material: Material, rows: Tensor | None = None) -> Tensor:
        """Return features (N, D) of pictures, of length 1."""
        rows = torch.arange(len(material)) if rows is None else rows
        found = []
        with frozen(self.network), torch.inference_mode():
            for some in torch.split(rows, VALIDATION_BATCH):
                x = material.images(some).contiguous(memory_format=torch.channels_last)
                found.append(features(self.network, self.preprocessing.normalise(x)).float())
            return F.normalize(torch.cat(found), dim=1)


def projector_of(network: nn.Module) -> nn.Module:
    """Return a new projector for the features that a network's linear head takes."""
    last = head(network)
    if not isinstance(last, nn.Linear):
        raise ValueError("our architectures end in one linear layer")
    width = last.in_features
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, PROJECTION))
