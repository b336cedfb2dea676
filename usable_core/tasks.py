"""`TASKS`: what can be asked, and how a question becomes an answer.

A config holds names; `run` turns them into objects once and calls the measuring function. Nothing
here imports torch until `run` is called.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from usable_core.catalog import implementation, lookup
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.corruption import CorruptionConfig, CorruptionResult
from usable_core.evaluations.demo import DemoConfig, DemoResult
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.robustness import RobustnessConfig, RobustnessResult
from usable_core.evaluations.schema import SCHEMA, upgraded
from usable_core.evaluations.specs import DatasetSpec, Report
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig, TrainingResult
from usable_core.records import from_json, to_json

Config = (
    AccuracyConfig
    | RobustnessConfig
    | CorruptionConfig
    | ExplanationConfig
    | PretrainingConfig
    | FineTuningConfig
    | DemoConfig
)
Result = (
    AccuracyResult
    | RobustnessResult
    | CorruptionResult
    | ExplanationResult
    | TrainingResult
    | DemoResult
)


@dataclass(frozen=True)
class Task:
    """One kind of question.

    Attributes:
        title: As people call it.
        config: The question's dataclass.
        result: The answer's dataclass.
        function: Dotted name; called with the objects that the config names (`model`, `dataset`,
            `source`), then `config`, `report` and `folder` (where artifacts go) by keyword.
    """

    title: str
    config: type
    result: type
    function: str


TASKS = {
    "accuracy": Task(
        "Accuracy", AccuracyConfig, AccuracyResult, "usable_core.measuring.accuracy:measure"
    ),
    "robustness": Task(
        "Robustness", RobustnessConfig, RobustnessResult, "usable_core.measuring.robustness:measure"
    ),
    "corruption": Task(
        "Corruptions",
        CorruptionConfig,
        CorruptionResult,
        "usable_core.measuring.corruption:measure",
    ),
    "explanation": Task(
        "Explanation",
        ExplanationConfig,
        ExplanationResult,
        "usable_core.measuring.explanation:measure",
    ),
    "pretrain": Task(
        "Pre-training",
        PretrainingConfig,
        TrainingResult,
        "usable_core.training.pretraining:pretrain",
    ),
    "finetune": Task(
        "Fine-tuning",
        FineTuningConfig,
        TrainingResult,
        "usable_core.training.fine_tuning:fine_tune",
    ),
    "demo": Task("Demo", DemoConfig, DemoResult, "usable_core.measuring.demo:run_demo"),
}


def name_of(config: Config) -> str:
    """Return the key in `TASKS` of a config."""
    return next(name for name, task in TASKS.items() if isinstance(config, task.config))


def config_from_json(task: str, data: dict[str, Any]) -> Config:
    """Return the config that was stored as `data` for the task named `task`.

    Raises:
        UnknownName: no such task.
        ConfigError: a number is out of its range.
        StorageError: a newer version stored it.
    """
    return from_json(lookup(TASKS, "task", task).config, upgraded(task, data))


def config_to_json(config: Config) -> dict[str, Any]:
    """Return what is stored of a question: its fields, and the number of their form."""
    return {"schema": SCHEMA, **to_json(config)}


def resolve(config: Config) -> dict[str, Any]:
    """Return the objects that a config names: `model`, `surrogate`, `dataset`, `source`.

    Those that it has.

    Raises:
        UsableError: a name is unknown, or what it names cannot be loaded.
    """
    from usable_core.datasets import load_dataset
    from usable_core.models import load_model

    found: dict[str, Any] = {}
    if hasattr(config, "model"):
        found["model"] = load_model(config.model)
    surrogate = getattr(config, "surrogate", None)
    if surrogate is not None:
        found["surrogate"] = load_model(surrogate)
    if hasattr(config, "dataset"):
        found["dataset"] = load_dataset(config.dataset.reference)
    source = getattr(config, "source", None)
    if isinstance(source, DatasetSpec):
        found["source"] = load_dataset(source.reference)
    return found


# Settings that decide what is loaded and nothing else: the fingerprint of what was loaded says it.
_SAID_BY_FINGERPRINT = {
    "model": ("weights", "trust", "preprocessing"),
    "dataset": ("reference",),
}


def key(config: Config, objects: dict[str, Any]) -> str:
    """Return the identity of a question: its settings and the fingerprints of what it names.

    Two questions of one key have one answer, so it is measured once. Where files lie is no part of
    it; what they hold is.
    """
    from usable_core.versions import versions

    settings = to_json(config)
    for field, thing in objects.items():
        settings[field]["fingerprint"] = thing.fingerprint
        for place in _SAID_BY_FINGERPRINT[
            "model" if field in ("model", "surrogate") else "dataset"
        ]:
            settings[field].pop(place, None)
    text = json.dumps([name_of(config), settings, versions()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def run(config: Config, objects: dict[str, Any], report: Report, folder: Path) -> Result:
    """Return the answer to `config`.

    Args:
        config: The question.
        objects: What `resolve(config)` returned.
        report: Told the progress; raises `Cancelled`.
        folder: Existing folder for the artifacts (weights, pictures, maps).
    """
    function = implementation(TASKS[name_of(config)].function)
    result: Result = function(**objects, config=config, report=report, folder=folder)
    return result
