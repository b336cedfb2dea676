"""`TASKS`: what can be asked, and how a question becomes an answer.

A config holds names; `run` turns them into objects once and calls the measuring function. Nothing
here imports torch until `run` is called.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from usable_core.catalog import implementation, lookup
from usable_core.catalog.datasets import reader_of
from usable_core.catalog.kinds import kind_of_model
from usable_core.catalog.recipes import require_fitting
from usable_core.catalog.references import files_of
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.cost import CostConfig, CostResult
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.learning_curve import LearningCurveConfig
from usable_core.evaluations.learning_curve_result import LearningCurveResult
from usable_core.evaluations.look import LookConfig, LookResult
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.rate import RateConfig, RateResult
from usable_core.evaluations.result import Config
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.schema import SCHEMA, upgraded
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.sweep_result import SweepResult
from usable_core.evaluations.training import FineTuningConfig, TrainingResult
from usable_core.evaluations.transferability import (
    TransferabilityConfig,
    TransferabilityResult,
)
from usable_core.records import from_json, to_json
from usable_core.task import Task
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult

TASKS = {
    "accuracy": Task(
        title="Accuracy",
        config=AccuracyConfig,
        result=AccuracyResult,
        function="usable_core.measuring.accuracy:measure",
        again_by="usable_core.measuring.again:answers",
        command="evaluate accuracy",
        help="Measure how often a model is right, and whether it knows when.",
        lines="usable_core.cli.accuracy:lines",
        page="accuracy",
        figure="usable_core.plots.accuracy:accuracy_bars",
        in_short="usable_core.evaluations.in_short:accuracy",
        matches_classes=True,
        keeps_columns=True,
        is_spread=True,
    ),
    "robustness": Task(
        title="Robustness",
        config=RobustnessConfig,
        result=RobustnessResult,
        function="usable_core.measuring.robustness:measure",
        again_by="usable_core.measuring.again:attacked",
        command="evaluate robustness",
        help="Measure whether a model stays right when its input is changed a little, with checks.",
        lines="usable_core.cli.robustness:lines",
        page="robustness",
        figure="usable_core.plots.robustness:accuracy_versus_epsilon",
        in_short="usable_core.evaluations.in_short:robustness",
        matches_classes=True,
        is_spread=True,
    ),
    "corruption": Task(
        title="Corruptions",
        config=CorruptionConfig,
        result=CorruptionResult,
        function="usable_core.measuring.corruption:measure",
        again_by="usable_core.measuring.again:corrupted",
        command="evaluate corruption",
        help="Measure whether a model stays right under noise, blur, weather and compression.",
        lines="usable_core.cli.corruption:lines",
        page="corruption",
        figure="usable_core.plots.corruption:accuracy_by_severity",
        in_short="usable_core.evaluations.in_short:corruption",
        matches_classes=True,
        is_spread=True,
    ),
    "explanation": Task(
        title="Explanation",
        config=ExplanationConfig,
        result=ExplanationResult,
        function="usable_core.measuring.explanation:measure",
        again_by="usable_core.measuring.again:explained",
        command="evaluate explanation",
        help="Measure how far a model's explanations are to be believed.",
        lines="usable_core.cli.explanation:lines",
        in_short="usable_core.evaluations.in_short:explanation",
        matches_classes=True,
        page="explanation",
        is_spread=True,
    ),
    "cost": Task(
        title="Cost",
        config=CostConfig,
        result=CostResult,
        function="usable_core.measuring.cost:measure",
        again_by="usable_core.measuring.again:counts",
        command="evaluate cost",
        help="Measure what an answer of a model costs: time, memory, multiply-adds, file.",
        lines="usable_core.cli.cost:lines",
        page="cost",
        in_short="usable_core.evaluations.in_short:cost",
        is_of_machine=True,
    ),
    "transferability": Task(
        title="Transferability",
        config=TransferabilityConfig,
        result=TransferabilityResult,
        function="usable_core.measuring.transferability:measure",
        command="evaluate transferability",
        help="Estimate, before anything is tuned, how well a backbone's features suit a task.",
        lines="usable_core.cli.transferability:lines",
        figure="usable_core.plots.transferability:transferability_figure",
        in_short="usable_core.evaluations.in_short:transferability",
        again="it begins anew",
        precedes_training=True,
        kinds=("picture", "text"),
    ),
    "pretrain": Task(
        title="Pre-training",
        config=PretrainingConfig,
        result=TrainingResult,
        function="usable_core.training.pretraining:pretrain",
        command="pretrain",
        help="Train one of our small architectures from random weights.",
        lines="usable_core.cli.training:lines",
        in_short="usable_core.evaluations.in_short:training",
        makes_model=True,
    ),
    "finetune": Task(
        title="Fine-tuning",
        config=FineTuningConfig,
        result=TrainingResult,
        function="usable_core.training.fine_tuning:fine_tune",
        rehearsal="usable_core.training.rehearsal:rehearsed",
        command="finetune",
        help="Fine-tune a pretrained model on a data set.",
        lines="usable_core.cli.training:lines",
        in_short="usable_core.evaluations.in_short:training",
        page="fine_tune",
        makes_model=True,
    ),
    "rate": Task(
        title="Learning rate",
        config=RateConfig,
        result=RateResult,
        function="usable_core.training.rate_finding:find_rate",
        command="find-rate",
        help="Find a learning rate for a fine-tuning: the loss while it is raised step by step.",
        lines="usable_core.cli.rate:lines",
        page="fine_tune",
        in_short="usable_core.evaluations.in_short:rate",
        again="it begins anew",
        precedes_training=True,
        kinds=("picture", "text"),
    ),
    "sweep": Task(
        title="Sweep of λ",
        config=SweepConfig,
        result=SweepResult,
        function="usable_core.jobs.sweep:run_sweep",
        command="sweep",
        help="Fine-tune with several λ and seeds: what the task gains, what of the source is lost.",
        lines="usable_core.cli.sweep:lines",
        in_short="usable_core.evaluations.in_short:sweep",
        page="sweep",
        again="its finished trainings are answered from the store",
        is_of_parts=True,
    ),
    "learning_curve": Task(
        title="Learning curve",
        config=LearningCurveConfig,
        result=LearningCurveResult,
        function="usable_core.jobs.learning_curve:run_learning_curve",
        command="learning-curve",
        help="Fine-tune on ever more labelled examples: how accuracy grows with them.",
        lines="usable_core.cli.learning_curve:lines",
        in_short="usable_core.evaluations.in_short:learning_curve",
        page="learning_curve",
        again="its finished trainings are answered from the store",
        is_of_parts=True,
    ),
    "look": Task(
        title="Data check",
        config=LookConfig,
        result=LookResult,
        function="usable_core.measuring.look:measure",
        command="look",
        help="Look at a data set before anything runs: classes, counts, refused files, duplicates, "
        "leaks.",
        lines="usable_core.cli.looked:lines",
        in_short="usable_core.evaluations.in_short:look",
        page="data",
        again="it begins anew",
    ),
    "assess": Task(
        title="Assessment",
        config=AssessmentConfig,
        result=AssessmentResult,
        function="usable_core.jobs.assessment:run_assessment",
        help="Decide whether models are fit for a use: everything measured, each requirement met "
        "or not, a verdict.",
        lines="usable_core.cli.assess:lines",
        in_short="usable_core.evaluations.in_short:assessment",
        again="its finished steps are answered from the store",
        page="assess",
        is_of_parts=True,
    ),
}


def name_of(config: Config) -> str:
    """Return the key in `TASKS` of a config."""
    return next(name for name, task in TASKS.items() if type(config) is task.config)


def in_short(task: str, summary: Mapping[str, Any] | None) -> str | None:
    """Return the main number of an answer as people write it; None where there is none."""
    row = TASKS.get(task)
    if row is None or not row.in_short or summary is None:
        return None
    try:
        return str(implementation(row.in_short)(summary)) or None
    except (LookupError, TypeError, AttributeError):  # a summary without it
        return None


def config_from_json(task: str, data: dict[str, Any]) -> Config:
    """Return the config that was stored as `data` for the task named `task`.

    Raises:
        UnknownName: no such task.
        ConfigError: a number is out of its range.
        StorageError: a newer version stored it.
    """
    kind: type[Config] = lookup(TASKS, "task", task).config
    return from_json(kind, upgraded(task, data))


def config_to_json(config: Config) -> dict[str, Any]:
    """Return what is stored of a question: its fields, and the number of their form."""
    return {"schema": SCHEMA, **to_json(config)}


def named_in(config: Config) -> dict[str, ModelSpec | DatasetSpec]:
    """Return the models and data sets that a config names, by its fields."""
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {f: s for f, s in fields.items() if isinstance(s, (ModelSpec, DatasetSpec))}


def placed(config: Config) -> Config:
    """Return a question that names the same files in every folder."""
    found: dict[str, Any] = {f: spec.placed() for f, spec in named_in(config).items()}
    if several := getattr(config, "models", ()):
        found["models"] = tuple(spec.placed() for spec in several)
    return dataclasses.replace(config, **found)


def check_names(config: Config) -> None:
    """Check, as far as that is possible without loading anything, that a config's names exist.

    Raises:
        UsableError: a name is unknown, a file that it names is not there, or a recipe is for other
            examples than the model takes.
    """
    several = getattr(config, "models", ())
    for spec in (*named_in(config).values(), *several):
        if isinstance(spec, ModelSpec):
            files_of(spec.reference, spec.weights, spec.labels)
            require_fitting(getattr(config, "recipe", None), kind_of_model(spec.reference))
        else:
            reader_of(spec.reference)
