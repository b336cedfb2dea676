"""Putting a trained network on the shelf: weights, card, and the result that names them."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from usable_core.datasets.dataset import Dataset
from usable_core.device import best_device
from usable_core.evaluations.specs import ModelSpec, Provenance
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig, TrainingResult
from usable_core.measuring.calibration import LEAST, fitted
from usable_core.models.checkpoints import save_model
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing
from usable_core.records import to_json
from usable_core.training.material import Answers
from usable_core.versions import versions


def put_on_shelf(
    network: nn.Module,
    preprocessing: Preprocessing,
    train: Dataset,
    config: PretrainingConfig | FineTuningConfig,
    records: pd.DataFrame,
    folder: Path,
    *,
    architecture: str,
    arch_options: dict[str, str] | None = None,
    seconds: float,
    warnings: tuple[str, ...] = (),
    answers: Answers | None = None,
    base: str = "",
    base_fingerprint: str = "",
) -> TrainingResult:
    """Save the network with its card and return the training's result.

    Args:
        network: What was trained, with a head for the classes of `train`.
        preprocessing: Its passport.
        train: The training split.
        config: The question.
        records: One row per epoch.
        folder: Where `model.safetensors` and `card.json` go.
        architecture: How to build the network again, see `models.checkpoints`.
        arch_options: What that building needs besides.
        seconds: Wall time of the training.
        warnings: Sentences for readers of the figures.
        answers: What the network says to images that were held out; None makes no calibration.
        base: Reference of the model it started from; empty from random weights.
        base_fingerprint: Fingerprint of that model.
    """
    last = records.iloc[-1]
    card: dict[str, Any] = {
        "title": architecture,
        "architecture": architecture,
        "arch_options": arch_options or {},
        "labels": list(train.labels.names),
        "preprocessing": asdict(preprocessing),
        "base": base,
        "data": {
            "reference": train.name,
            "fingerprint": train.fingerprint,
            "split": train.split_name,
            "n": len(train),
        },
        "command": command(config),
        "config": to_json(config),
        "seed": config.schedule.seed,
        "versions": versions(),
        "measured": {
            "validation_accuracy": float(last["validation_accuracy"]),
            "validation_loss": float(last["validation_loss"]),
            "training_seconds": seconds,
        },
    }
    if answers is not None and len(answers.labels) >= LEAST:
        # Reading the card gives a model of this very fingerprint, which calibrations go by.
        fingerprint = Model("", network, preprocessing, train.labels).fingerprint
        card["calibration"] = to_json(
            fitted(
                answers.logits,
                answers.labels,
                data=answers.data,
                dataset_fingerprint=train.fingerprint,
                model_fingerprint=fingerprint,
            )
        )
    save_model(folder, network, card)
    provenance = Provenance(
        model=base or architecture,
        model_fingerprint=base_fingerprint,
        dataset=train.name,
        dataset_fingerprint=train.fingerprint,
        split=train.split_name,
        class_names=train.labels.names,
        refused=train.refused,
        warnings=warnings,
        seconds=seconds,
        device=str(best_device()),
        batch_size=config.schedule.batch_size,
        versions=versions(),
    )
    return TrainingResult(config, provenance, records, card)


def command(config: PretrainingConfig | FineTuningConfig) -> str:
    """Return the command line that asks the same question (files by their last name only)."""
    if isinstance(config, PretrainingConfig):
        words = ["usable", "pretrain", "--architecture", config.architecture]
        words += ["--epsilon", f"{config.epsilon * 255:g}/255"] if config.epsilon else []
    else:
        words = ["usable", "finetune", *_model_words(config.model), "--method", config.method]
        words += ["--from-scratch"] if config.from_scratch else []
        if config.backbone_rate != 1:
            words += ["--backbone-rate", f"{config.backbone_rate:g}"]
        if config.source is not None:
            words += ["--source", Path(config.source.reference).name]
            words += ["--lambda", f"{config.task_weight:g}"]
    words += ["--dataset", Path(config.dataset.reference).name, "--split", config.dataset.split]
    words += ["--limit", str(config.dataset.limit)] if config.dataset.limit is not None else []
    for name, value in to_json(config.schedule).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _model_words(spec: ModelSpec) -> list[str]:
    words = ["--model", spec.reference]
    words += ["--weights", Path(spec.weights).name] if spec.weights else []
    for option, pairs in (
        ("--arch-option", spec.arch_options),
        ("--preprocessing", spec.preprocessing),
    ):
        for name, value in pairs:
            words += [option, f"{name}={value}"]
    return words + (["--trust"] if spec.trust else [])
