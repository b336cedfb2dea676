"""Usable from Python: several trainings as one question, what λ trades and what labels give.

Every training is a model of its own, so all of it is kept in the store; what that knows already is
taken from there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack, cast

from usable_core import jobs
from usable_core.arguments import config_of, model_of, question_of
from usable_core.errors import ConfigError
from usable_core.evaluations import keywords
from usable_core.evaluations.learning_curve import LearningCurveConfig, sizes
from usable_core.evaluations.learning_curve_result import LearningCurveResult
from usable_core.evaluations.specs import ModelSpec, Report, silent
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.sweep_result import SweepResult
from usable_core.progress import showing_progress

if TYPE_CHECKING:
    from usable_core.arguments import DatasetLike, ModelLike


@showing_progress
def sweep(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    limit: int | None = None,
    report: Report = silent,
    **settings: Unpack[keywords.SweepSettings],
) -> SweepResult:
    """Return what λ of L_pre + λ·L_fine trades: each λ with each seed is trained and measured.

    Args:
        model: Where all trainings start: as for `evaluate_accuracy`, and so are the data.
        data: The task; its train and validation splits are trained on.
        limit: At most this many examples of each split.
        report: Told the progress.
        **settings: Other fields of `SweepConfig`, such as `source`, `lambdas`, `seeds`, and
            `measures=usable.Measures(epsilon=4 / 255)`.

    Raises:
        UnknownName: there is no such setting.
        UsableError: a setting is out of its range, something cannot be loaded, or no training has
            an answer.
    """
    question = question_of(model, data, limit, store=True, training=True)
    config = config_of(SweepConfig, question, settings)
    return cast(SweepResult, jobs.run_here(config, report, objects=question.objects)[1])


@showing_progress
def learning_curve(
    models: "ModelLike | Sequence[ModelLike]",
    data: "DatasetLike",
    *,
    limit: int | None = None,
    report: Report = silent,
    **settings: Unpack[keywords.LearningCurveSettings],
) -> LearningCurveResult:
    """Return how accuracy grows with the labelled examples that are trained on.

    Args:
        models: Backbones, one or several: as for `evaluate_accuracy`, and so are the data.
        data: The task; its train split is what the examples are drawn from.
        limit: At most this many examples of each split.
        report: Told the progress.
        **settings: Other fields of `LearningCurveConfig`, such as `train_sizes="20, 100, all"`,
            `seeds` and `from_scratch`.

    Raises:
        UnknownName: there is no such setting.
        UsableError: a setting is out of its range, something cannot be loaded, or no training has
            an answer.
    """
    several = models if isinstance(models, (list, tuple)) else [models]
    if not several:
        raise ConfigError("Give at least one model to train.")
    question = question_of(several[0], data, limit, store=True, training=True)
    loaded = [question.objects["model"], *map(model_of, several[1:])]
    specs = [
        s if isinstance(s, ModelSpec) else m.spec for s, m in zip(several, loaded, strict=True)
    ]
    others: dict[str, Any] = dict(settings)
    if isinstance(others.get("train_sizes"), str):
        others["train_sizes"] = sizes(others["train_sizes"])
    asked = replace(question, model=cast(Any, tuple(specs)))  # in place of the one
    config = config_of(LearningCurveConfig, asked, others)
    objects = {"models": loaded, "dataset": question.objects["dataset"]}
    return cast(LearningCurveResult, jobs.run_here(config, report, objects=objects)[1])
