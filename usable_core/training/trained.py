"""`Trained`: what a training made, and saving it so that it loads again as a model."""

import shlex
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from usable_core.datasets.dataset import Dataset
from usable_core.device import best_device
from usable_core.evaluations.specs import ModelSpec, Precision, Provenance
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig, TrainingResult
from usable_core.measuring.calibration import LEAST, fitted
from usable_core.models.checkpoints import save_model
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing
from usable_core.records import to_json
from usable_core.training.material import Answers
from usable_core.versions import versions


@dataclass(frozen=True)
class Trained:
    """A network at the end of its training, with all that its card says.

    Attributes:
        network: What was trained, with a head for the classes of `data`.
        preprocessing: Its passport.
        data: The training split.
        config: The question.
        records: One row per epoch.
        seconds: Wall time of the training.
        precision: Number format of its steps.
        validation: What the network says to the images that were held out.
        architecture: How to build the network again, see `models.sources.from_card.build`.
        arch_options: What that building needs besides.
        base: Reference of the model it started from; empty from random weights.
        base_fingerprint: Fingerprint of that model.
    """

    network: nn.Module
    preprocessing: Preprocessing
    data: Dataset
    config: PretrainingConfig | FineTuningConfig
    records: pd.DataFrame
    seconds: float
    precision: Precision
    validation: Answers
    architecture: str
    arch_options: dict[str, str] = field(default_factory=dict)
    base: str = ""
    base_fingerprint: str = ""


def save_trained(trained: Trained, folder: Path) -> TrainingResult:
    """Save a trained network with its card into a folder and return the training's result.

    Raises:
        StorageError: the disk is full, or the folder cannot be written.
    """
    card = _card(trained)
    save_model(folder, trained.network, card)
    return TrainingResult(trained.config, _provenance(trained), trained.records, card)


def _card(trained: Trained) -> dict[str, Any]:
    data, last = trained.data, trained.records.iloc[-1]
    card: dict[str, Any] = {
        "title": trained.architecture,
        "architecture": trained.architecture,
        "arch_options": trained.arch_options,
        "labels": list(data.labels.names),
        "preprocessing": asdict(trained.preprocessing),
        "base": trained.base,
        "data": {
            "reference": data.name,
            "fingerprint": data.fingerprint,
            "split": data.split_name,
            "n": len(data),
        },
        "command": command(trained.config),
        "config": to_json(trained.config),
        "seed": trained.config.schedule.seed,
        "precision": trained.precision,
        "versions": versions(),
        "measured": {
            "validation_accuracy": float(last["validation_accuracy"]),
            "validation_loss": float(last["validation_loss"]),
            "training_seconds": trained.seconds,
        },
    }
    if len(trained.validation.labels) >= LEAST:
        card["calibration"] = _calibration(trained)
    return card


def _calibration(trained: Trained) -> object:
    # Reading the card gives a model of this very fingerprint, which calibrations go by.
    model = Model("", trained.network, trained.preprocessing, trained.data.labels)
    return to_json(
        fitted(
            trained.validation.logits,
            trained.validation.labels,
            data=trained.validation.data,
            dataset_fingerprint=trained.data.fingerprint,
            model_fingerprint=model.fingerprint,
        )
    )


def _provenance(trained: Trained) -> Provenance:
    return Provenance(
        model=trained.base or trained.architecture,
        model_fingerprint=trained.base_fingerprint,
        dataset=trained.data.name,
        dataset_fingerprint=trained.data.fingerprint,
        split=trained.data.split_name,
        class_names=trained.data.labels.names,
        refused=replace(trained.data, positions=None).left_out,  # of the validation split too
        warnings=trained.data.notes,
        seconds=trained.seconds,
        device=str(best_device()),
        batch_size=trained.config.schedule.batch_size,
        versions=versions(),
    )


def command(config: PretrainingConfig | FineTuningConfig) -> str:
    """Return the command line that asks the same question (files by their last name only)."""
    if isinstance(config, PretrainingConfig):
        words = ["usable", "pretrain", "--architecture", config.architecture]
        words += ["--epsilon", f"{config.epsilon * 255:g}/255"] if config.epsilon else []
    else:
        words = ["usable", "finetune", *_model_words(config.model), "--method", config.method]
        words += ["--from-scratch"] * config.from_scratch
        words += ["--backbone-rate", f"{config.backbone_rate:g}"] * (config.backbone_rate != 1)
        if config.source is not None:
            words += ["--source", Path(config.source.reference).name]
            words += ["--lambda", f"{config.task_weight:g}"]
    words += ["--dataset", Path(config.dataset.reference).name, "--split", config.dataset.split]
    words += ["--limit", str(config.dataset.limit)] * (config.dataset.limit is not None)
    for name, value in to_json(config.schedule).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _model_words(spec: ModelSpec) -> list[str]:
    words = ["--model", spec.reference]
    words += ["--weights", Path(spec.weights).name] if spec.weights else []
    pairs = [("--arch-option", pair) for pair in spec.arch_options]
    pairs += [("--preprocessing", pair) for pair in spec.preprocessing]
    words += [word for option, (name, value) in pairs for word in (option, f"{name}={value}")]
    return words + ["--trust"] * spec.trust
