"""`Trained`: what a training made, and saving it so that it loads again as a model."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from torch import nn

from usable_core.catalog.models import LAST_GOOD, SOURCE_FOLDER
from usable_core.datasets.dataset import DRAWN_BY, Dataset
from usable_core.device import best_device
from usable_core.errors import Diverged
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import kept_record
from usable_core.evaluations.specs import Provenance
from usable_core.evaluations.training import FineTuningConfig, TrainingResult
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.inputs.tokens import Tokens
from usable_core.measuring.calibration import LEAST
from usable_core.measuring.calibration import fitted as calibrated
from usable_core.measuring.data_doubts import training_doubts
from usable_core.models.model import Model
from usable_core.models.sources.saved_tokens import said_of
from usable_core.models.weights.checkpoints import save_model
from usable_core.records import to_json
from usable_core.training.command_line import command
from usable_core.training.loop import Fitted
from usable_core.training.material import Answers
from usable_core.training.remarks import UNTOUCHED, on_fitting, on_learning, on_parts
from usable_core.training.resuming import Checkpoints
from usable_core.training.retained import Kept
from usable_core.versions import versions


@dataclass(frozen=True)
class Trained:
    """A network at the end of its training, with all that its card says.

    Attributes:
        network: What was trained, with a head for the classes of `data`.
        takes: Its passport.
        data: The training split.
        config: The question.
        fitted: How its losses went.
        seconds: Wall time of the training.
        validation: What the network says to the examples that were held out; of a start, which
            has no classes, what it guessed.
        architecture: How to build the network again, see `models.sources.from_card.build`.
        arch_options: What that building needs besides.
        base: Reference of the model it started from; empty from random weights.
        base_fingerprint: Fingerprint of that model.
        kept: The source model that is left; None without source data.
        remarks: Sentences that a reader of the numbers must know.
        measured: Further figures for the card.
    """

    network: nn.Module
    takes: Input
    data: Dataset
    config: PretrainingConfig | FineTuningConfig
    fitted: Fitted
    seconds: float
    validation: "Answers | Guessing"
    architecture: str
    arch_options: dict[str, str] = field(default_factory=dict)
    base: str = ""
    base_fingerprint: str = ""
    kept: Kept | None = None
    remarks: tuple[str, ...] = ()
    measured: dict[str, float] = field(default_factory=dict)

    @property
    def record(self) -> dict[str, float]:
        """Return the record of the epoch whose weights these are."""
        fitted, schedule = self.fitted, self.config.schedule
        is_stopped = fitted.divergence is not None  # then the last good ones were put back
        return kept_record(
            fitted.records, replace(schedule, patience=None) if is_stopped else schedule
        )


@dataclass(frozen=True)
class Guessing:
    """What a network guessed in its training, in place of classes.

    Attributes:
        objective: Of texts hidden pieces, or each next one; of pictures the view of the same.
        examples: How many texts or pictures were held out.
    """

    objective: Literal["masked", "causal", "contrastive"]
    examples: int


def finished(
    fitted: Fitted, trained: Callable[[], Trained], folder: Path, checkpoints: Checkpoints
) -> TrainingResult:
    """Save what a training made and return its result.

    Args:
        fitted: How the training went.
        trained: Returns what it made; asked only where there is something.
        folder: Where it goes.
        checkpoints: Of the training, which are needed no more once its weights are there.

    Raises:
        Diverged: the training did; its last good weights are in `folder/last_good`.
        StorageError: the disk is full, or the folder cannot be written.
    """
    stopped = fitted.divergence
    if stopped is None:
        result = _saved(trained(), folder)
        checkpoints.remove()
        return result
    checkpoints.remove()
    if fitted.records.empty:
        kept = "No epoch was over, so there are no weights to keep but those of the start."
        raise Diverged(str(stopped), kept) from stopped
    made, checkpoint = trained(), folder / LAST_GOOD
    card = {**_card(made), "diverged": str(stopped)}
    save_model(checkpoint, made.network, card, _tokenizer(made.takes))
    last = fitted.records.iloc[-1]
    kept = (
        f"The weights after epoch {last['epoch']:.0f}, the last good ones (validation accuracy "
        f"{last['validation_accuracy']:.1%}), are the model folder/{checkpoint}."
    )
    raise Diverged(str(stopped), kept.replace("%)", " %)"), checkpoint) from stopped


def _saved(trained: Trained, folder: Path) -> TrainingResult:
    kept = trained.kept
    tokenizer = _tokenizer(trained.takes)
    card = save_model(folder, trained.network, _card(trained), tokenizer)
    if kept is not None and kept.model.labels:  # without classes it is in the model itself
        tokenizer = _tokenizer(kept.model.input)  # without the prompt of the task
        save_model(folder / SOURCE_FOLDER, kept.network, _source_card(trained, kept), tokenizer)
    return TrainingResult(
        trained.config,
        _provenance(trained),
        trained.fitted.records,
        card,
        trained.fitted.start,
        None if kept is None else kept.retained,
    )


def _source_card(trained: Trained, kept: Kept) -> dict[str, Any]:
    """Return the card of the pretrained head on the tuned backbone."""
    model = kept.model
    return {
        "title": f"{model.name}, after fine-tuning",
        "architecture": trained.architecture,
        "arch_options": trained.arch_options,
        "labels": list(model.labels.names),
        "labels_named": model.labels.is_named,
        **_passport(model.input),
        "base": model.name,
        "command": command(trained.config),
        "config": to_json(trained.config),
        "versions": versions(),
        "measured": {"retained": to_json(kept.retained)},
    }


def _card(trained: Trained) -> dict[str, Any]:
    data, kept = trained.data, trained.record
    is_start = isinstance(trained.validation, Guessing)
    card: dict[str, Any] = {
        "title": _name(trained),
        "architecture": trained.architecture,
        "arch_options": trained.arch_options,
        "labels": [] if is_start else list(data.labels.names),
        **_passport(trained.takes),
        "base": trained.base,
        "data": {
            "reference": data.name,
            "fingerprint": data.fingerprint,
            "split": data.split_name,
            "n": len(data),
            "drawn_by": DRAWN_BY,
        },
        "command": command(trained.config),
        "config": to_json(trained.config),
        "seed": trained.config.schedule.seed,
        "precision": trained.fitted.precision,
        "schedule": to_json(trained.config.schedule),
        "versions": versions(),
        "warnings": list(_warnings(trained)),
        "measured": {
            "validation_examples": _held_out(trained.validation),
            "validation_accuracy": float(kept["validation_accuracy"]),
            "validation_loss": float(kept["validation_loss"]),
            "training_seconds": trained.seconds,
            **trained.measured,
        },
    }
    if isinstance(trained.validation, Guessing):
        card["objective"] = trained.validation.objective
    elif len(trained.validation.labels) >= LEAST:
        card["calibration"] = _calibration(trained, trained.validation)
    return card


def _name(trained: Trained) -> str:
    """Return what the network is called that was trained."""
    config = trained.config
    return config.architecture if isinstance(config, PretrainingConfig) else trained.architecture


def _held_out(validation: Answers | Guessing) -> int:
    """Return how many examples were held out."""
    return validation.examples if isinstance(validation, Guessing) else len(validation.labels)


def _passport(takes: Input) -> dict[str, Any]:
    """Return what a card says of how examples become the input."""
    if isinstance(takes, Tokens):
        return {"tokens": said_of(takes)}
    return {"preprocessing": asdict(cast(Preprocessing, takes))}


def _tokenizer(takes: Input) -> str | None:
    return takes.identity if isinstance(takes, Tokens) else None


def _calibration(trained: Trained, validation: Answers) -> object:
    # Reading the card gives a model of this very fingerprint, which calibrations go by.
    model = Model("", trained.network, trained.takes, trained.data.labels)
    return to_json(
        calibrated(
            validation.logits,
            validation.labels,
            data=validation.data,
            dataset_fingerprint=trained.data.fingerprint,
            model_fingerprint=model.fingerprint,
        )
    )


def _provenance(trained: Trained) -> Provenance:
    return Provenance(
        model=trained.base or _name(trained),
        model_fingerprint=trained.base_fingerprint,
        dataset=trained.data.name,
        dataset_fingerprint=trained.data.fingerprint,
        split=trained.data.split_name,
        class_names=trained.data.labels.names,
        refused=replace(trained.data, positions=None).left_out,  # of the validation split too
        warnings=(
            *trained.data.notes,
            *training_doubts(trained.data, trained.config.dataset),
            *_warnings(trained),
        ),
        seconds=trained.seconds,
        device=str(best_device()),
        batch_size=trained.config.schedule.numbers[1],
        versions=versions(),
    )


def _warnings(trained: Trained) -> tuple[str, ...]:
    fitted, labels = trained.fitted, trained.data.labels
    kept = trained.record
    answers = None if isinstance(trained.validation, Guessing) else trained.validation
    learned = on_learning(
        fitted.start, float(kept["task_loss"]), answers, labels, trained.data.examples
    )
    if learned and answers is not None:
        learned += on_fitting(fitted.records, trained.data.targets, trained.data.examples)
    is_untouched = kept["epoch"] == 0
    about_source = trained.kept.warnings if trained.kept else ()
    in_parts = on_parts(fitted.micro_batch, trained.config.schedule)
    about = (UNTOUCHED,) if is_untouched else learned
    return about + in_parts + trained.remarks + about_source
