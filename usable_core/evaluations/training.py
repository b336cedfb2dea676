"""The question "train this, with these settings" and its answer: a model on the shelf.

Records, one row per epoch:
    epoch (1-based), train_loss, train_accuracy, validation_loss, validation_accuracy,
    source_loss (L_pre, NaN without one), task_loss (L_fine), learning_rate, seconds. Where nothing
    was moved (λ = 0) a single row, epoch 0; of `probe_then_full` the probe's end is epoch 0. Of
    adversarial training losses and accuracies of training are under attack, those of validation on
    clean images; of a contrastive one an accuracy is how often a view is found by the other of its
    picture.
Artifacts: `model.safetensors`, `card.json`; with a source the same in `source/`, of the pretrained
head on the tuned backbone. A training that diverged leaves `last_good/` alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from usable_core.catalog import lookup
from usable_core.catalog.recipes import RECIPES
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule, kept_record
from usable_core.evaluations.specs import (
    DatasetSpec,
    ModelSpec,
    Provenance,
    asked,
    require_choices,
)
from usable_core.evaluations.training_checks import check
from usable_core.metrics.intervals import Estimate, Proportion
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd

UNMOVED = 1e-3  # up to this λ the backbone stays as it was, see `training.joint`
Method = Literal["full", "linear_probe", "probe_then_full"]


@dataclass(frozen=True)
class FineTuningConfig:
    """θ* = argmin L_pre(θ) + λ·L_fine(θ), starting from a pretrained model.

    Minimised is L_pre / L_pre⁰ + λ·L_fine / L_fine⁰, each loss in units of its start, as a mean of
    the two, so that λ changes no step's size. λ up to 0.001 leaves the model as it was, λ from 1000
    on is plain fine-tuning. The weights kept are those of the last epoch, whichever was best, but
    where the schedule has a patience.

    Attributes:
        model: Where θ starts.
        dataset: The task (its train and validation splits).
        method: `full` moves every weight; `linear_probe` only the new head, on cached features;
            `probe_then_full` does first the one, at the rate usual for it, then the other from
            there (Kumar et al. 2022, arXiv:2202.10054), with the batch statistics that the probe's
            features were of: no random head distorts them.
        schedule: How.
        source: Data set of L_pre, with the pretrained head; without it L_pre is left out. Of a
            network of texts without classes L_pre is the loss of a language model on its texts.
        proxy: What stands in for L_pre where there are no source data: `distillation` keeps the
            pretrained head's answers to the task's images, `distance` keeps the weights near.
        task_weight: λ of L_pre + λ·L_fine, at least 0; needs a source or a proxy.
        from_scratch: Start from random weights instead (the control that fine-tuning must beat).
        backbone_rate: Learning rate of the pretrained weights, as a multiple of the new head's.
        layer_decay: What that rate is multiplied by from each block to the one before it, such as
            0.75 (Bao et al. 2022, arXiv:2106.08254); 1 leaves it alone.
        last_blocks: How many blocks before the head move; those below rest, with their batch
            statistics. All when not given.
        prompt: Words that are read behind each text, such as "The mood of this text is"; the model
            that is trained keeps them. A decoder says more of a text where it is asked something.
        recipe: Name of the settings that it starts from; what else is said goes before them. In
            Python a `schedule` that is given goes before the whole of the recipe's, and a model
            that is handed in, not named, keeps its preprocessing.
        train_size: Train on so many of the training examples, at most, and validate on no more:
            stratified, drawn by what they show and the schedule's seed, each smaller part within
            each larger one. The test split stays whole. All when not given.
    """

    model: ModelSpec
    dataset: DatasetSpec
    method: Method = "full"
    schedule: Schedule = Schedule()
    source: DatasetSpec | None = None
    proxy: Literal["none", "distillation", "distance"] = "none"
    task_weight: float = field(default=1.0, metadata=asked("--lambda"))
    from_scratch: bool = False
    backbone_rate: float = 1.0
    layer_decay: float = 1.0
    last_blocks: int | None = None
    prompt: str = ""
    recipe: str | None = field(default=None, metadata=asked(choices=RECIPES.keys))
    train_size: int | None = None

    @staticmethod
    def usual(said: Mapping[str, object]) -> dict[str, object]:
        """Return what the command line takes for what it was not told: the recipe's settings."""
        row = RECIPES.get(str(said.get("recipe")))
        if row is None:
            return {}
        settings = {**row.schedule, **row.settings}
        found: dict[str, object] = {
            name: f"{value:g}" if isinstance(value, float) else value
            for name, value in settings.items()
        }
        prepared = [f"{name}={value}" for name, value in row.preprocessing]
        return found | ({"preprocessing": prepared} if prepared else {})

    def __post_init__(self) -> None:
        require_choices(self)
        if self.recipe is not None:
            row = lookup(RECIPES, "recipe", self.recipe)
            if self.schedule == Schedule():
                given: dict[str, Any] = {**row.schedule}
                object.__setattr__(self, "schedule", Schedule(**given))
        check(self)

    @property
    def is_joint(self) -> bool:
        """Tell whether there is an L_pre."""
        return self.source is not None or self.proxy != "none"

    @property
    def is_unmoved(self) -> bool:
        """Tell whether λ leaves every weight as it was."""
        return self.is_joint and self.task_weight <= UNMOVED


@dataclass(frozen=True)
class Start:
    """Mean losses (nats) of the first batches before the first step: the units of both terms.

    Attributes:
        task: L_fine⁰.
        source: L_pre⁰; NaN without L_pre.
    """

    task: float
    source: float = math.nan


About = Literal["classes", "pieces"]


@dataclass(frozen=True)
class Retained:
    """How often the pretrained head is right about the source, before and after.

    On images of the source that were not trained on here.

    Attributes:
        dataset: The source's reference.
        before: Accuracy at the start.
        after: Accuracy of the same head, trained along, on the tuned backbone.
        difference: After less before, paired image by image.
        what: `pieces` of texts, where a language model guesses them.
    """

    dataset: str
    before: Proportion
    after: Proportion
    difference: Estimate
    what: About = "classes"


@dataclass(frozen=True)
class TrainingResult:
    """Per-epoch figures, and the card of the model that came out.

    Attributes:
        card: What `card.json` beside the weights says (see `models.checkpoints`).
        start: The losses before the first step; None in results of version 0.1.
        retained: What is left of the source; None without source data.
    """

    config: PretrainingConfig | FineTuningConfig
    provenance: Provenance
    records: "pd.DataFrame"
    card: dict[str, Any]
    start: Start | None = None
    retained: Retained | None = None

    def __repr__(self) -> str:
        kept = self.kept_validation_accuracy
        shown = "not validated" if kept is None else f"validation accuracy {kept:.3f}"
        about = self.provenance
        return f"TrainingResult({about.model} on {about.dataset}: {shown}, {self.epochs} epochs)"

    @property
    def is_start(self) -> bool:
        """Tell whether it was trained without labels, so that the model has no classes yet."""
        return bool(self.card.get("objective"))

    @property
    def perplexity(self) -> float | None:
        """Return e to the validation loss of the kept weights, of a start of texts; else None.

        So many pieces, all equally likely, would be as hard to guess among.
        """
        if not self._guesses_pieces or not len(self.records):
            return None
        return float(np.exp(self.kept["validation_loss"]))

    @property
    def epochs(self) -> int:
        """Return the number of epochs that were run; 0 where nothing was moved."""
        return int(self.records["epoch"].max()) if len(self.records) else 0

    @property
    def kept(self) -> dict[str, float]:
        """Return the record of the epoch whose weights were kept; empty without records."""
        return kept_record(self.records, self.config.schedule)

    @property
    def kept_validation_accuracy(self) -> float | None:
        """Return the accuracy of the weights that were kept."""
        accuracy = self.records["validation_accuracy"]
        return None if accuracy.isna().all() else float(self.kept["validation_accuracy"])

    @property
    def last_validation_accuracy(self) -> float | None:
        """Return the accuracy of the last epoch, whose weights are kept without a patience."""
        accuracy = self.records["validation_accuracy"]
        return None if accuracy.isna().all() else float(accuracy.iloc[-1])

    @property
    def best_epoch(self) -> int | None:
        """Return the (first) epoch of the highest validation accuracy; None without one."""
        accuracy = self.records["validation_accuracy"]
        if accuracy.isna().all():
            return None
        return int(self.records.loc[accuracy.idxmax(), "epoch"])

    @property
    def best_validation_accuracy(self) -> float | None:
        """Return that accuracy: selected on these images, so an optimistic figure."""
        accuracy = self.records["validation_accuracy"]
        return None if accuracy.isna().all() else float(accuracy.max())

    def to_frame(self) -> "pd.DataFrame":
        """Return the records, one row per epoch; of a start of texts with its perplexity."""
        found = self.records.copy()
        if not self._guesses_pieces:
            return found
        return found.assign(perplexity=np.exp(found["validation_loss"]))

    @property
    def _guesses_pieces(self) -> bool:
        return self.card.get("objective") in ("masked", "causal")

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON; `measured` is what the model's card says."""
        last = self.records.iloc[-1].to_dict() if len(self.records) else {}
        found: dict[str, Any] = to_json(
            {
                "model": self.provenance.model,
                "dataset": self.provenance.dataset,
                "epochs": self.epochs,
                "best_epoch": self.best_epoch,
                "best_validation_accuracy": self.best_validation_accuracy,
                "last_epoch": last,
                "objective": self.card.get("objective", ""),
                "perplexity": self.perplexity,
                "kept": "last epoch" if self.config.schedule.patience is None else "best epoch",
                "kept_epoch": self.kept.get("epoch"),
                "measured": self.card.get("measured", {}),
                "schedule": self.card.get("schedule", {}),
                "start": self.start,
                "retained": self.retained,
                "seconds": self.provenance.seconds,
                "warnings": self.provenance.warnings,
            }
        )
        return found
