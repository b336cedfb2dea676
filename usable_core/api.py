"""Usable from Python: the same questions as the command line's, on objects or on references.

Answers are computed in this process; `store=True` keeps them where command line and pages keep
theirs, and takes them from there. Nothing heavy is imported before a function is called.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

from usable_core import answering, jobs
from usable_core.arguments import Question, config_of, prepared_by, question_of, recipe_of
from usable_core.arguments import model_of as _model
from usable_core.errors import ConfigError, Diverged, UsableError
from usable_core.evaluations import keywords
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.calibration import Calibration
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.explained import Explanation as Explanation
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import ModelSpec, Report, silent
from usable_core.evaluations.training import FineTuningConfig, TrainingResult
from usable_core.pictures import picture_of as _picture
from usable_core.progress import showing_progress
from usable_core.runs import calibrations

if TYPE_CHECKING:
    from usable_core.arguments import DatasetLike, ModelLike
    from usable_core.evaluations.result import Evaluation
    from usable_core.models.model import Model
    from usable_core.pictures import ImageLike

Kind = TypeVar("Kind", bound="Evaluation")


@showing_progress
def evaluate_accuracy(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    limit: int | None = None,
    store: bool = False,
    report: Report = silent,
    **settings: Unpack[keywords.AccuracySettings],
) -> AccuracyResult:
    """Return how often a model is right, and whether it knows when.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        data: A `Dataset` (evaluated as it is), a reference, a `DatasetSpec`, a torch data set of
            (image, label), or (images, labels).
        limit: At most this many examples, stratified by class.
        store: Keep the answer where command line and pages keep theirs, or take it from there.
        report: Told the progress; a bar on a terminal or in a notebook when not given.
        **settings: Other fields of `AccuracyConfig`.

    Raises:
        UnknownName: there is no such setting; the message says the nearest.
        ConfigError: a setting is out of its range.
        UsableError: something named cannot be loaded or evaluated, or the labels do not fit.
    """
    question = question_of(model, data, limit, store=store)
    return cast(AccuracyResult, _answer(AccuracyConfig, question, settings, report))


@showing_progress
def evaluate_robustness(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    limit: int | None = None,
    store: bool = False,
    report: Report = silent,
    **settings: Unpack[keywords.RobustnessSettings],
) -> RobustnessResult:
    """Return whether a model stays right under attack, over a grid of epsilons, with its checks.

    Arguments and errors are those of `evaluate_accuracy`. Settings are other fields of
    `RobustnessConfig`: `preset="standard"`, or `attack`, `norm`, `steps`, `restarts`, `loss` and so
    on; `epsilons` in units of the [0, 1] range, the usual grid of the norm by default; `surrogate`,
    also as a `Model`.
    """
    question = question_of(model, data, limit, store=store)
    return cast(RobustnessResult, _answer(RobustnessConfig, question, settings, report))


@showing_progress
def evaluate_corruption(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    limit: int | None = None,
    store: bool = False,
    report: Report = silent,
    **settings: Unpack[keywords.CorruptionSettings],
) -> CorruptionResult:
    """Return whether a model stays right when pictures get worse: noise, blur, weather, files.

    Arguments and errors are those of `evaluate_accuracy`. Settings are other fields of
    `CorruptionConfig`, such as `corruptions` and `severities`.
    """
    question = question_of(model, data, limit, store=store)
    return cast(CorruptionResult, _answer(CorruptionConfig, question, settings, report))


@showing_progress
def evaluate_explanation(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    limit: int | None = 10,
    store: bool = False,
    report: Report = silent,
    **settings: Unpack[keywords.ExplanationSettings],
) -> ExplanationResult:
    """Return how far a model's explanations are to be believed, over the examples of a data set.

    Arguments and errors are those of `evaluate_accuracy`. Settings are other fields of
    `ExplanationConfig`, such as `methods` and `evidence`.
    """
    question = question_of(model, data, limit, store=store)
    return cast(ExplanationResult, _answer(ExplanationConfig, question, settings, report))


def explain(
    model: "ModelLike",
    image: "ImageLike",
    *,
    method: str = "lime",
    **settings: Unpack[keywords.MapSettings],
) -> Explanation:
    """Return what in one image made the model say so.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        image: A picture, a file's bytes, or its path; for a model of texts the text itself.
        method: A key of `catalog.explainers.EXPLAINERS`.
        **settings: See `keywords.MapSettings`: `target`, `options`, `evidence` and so on.

    Raises:
        ImageRefused: the image cannot be read.
        UnknownName: no such method, class or setting.
        UsableError: the model cannot be loaded or explained.
    """
    (found,) = explain_methods(model, image, methods=(method,), **settings)
    return found


@showing_progress
def explain_methods(
    model: "ModelLike",
    image: "ImageLike",
    *,
    methods: Sequence[str] = ("lime", "partition_shap"),
    on_refusal: Callable[[str, UsableError], None] | None = None,
    **settings: Unpack[keywords.MapSettings],
) -> tuple[Explanation, ...]:
    """Return the maps of one image by several methods, which share what the model answered.

    Args:
        model: As for `explain`.
        image: One picture, or text.
        methods: Keys of `catalog.explainers.EXPLAINERS`.
        on_refusal: Told of each method that gives no map of this model, and why; it is then left
            out. None raises.
        **settings: As for `explain`, of every map.

    Raises:
        UsableError: as `explain`.
    """
    from usable_core.measuring.explaining import explain_image, explain_text

    found = _model(model)
    if found.kind == "text":
        return explain_text(found, cast(str, image), methods, on_refusal, settings)
    return explain_image(found, _picture(image), methods, on_refusal, settings)


@showing_progress
def calibrate(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    limit: int | None = None,
    keep: bool = True,
    report: Report = silent,
) -> Calibration:
    """Return the temperature and the energy threshold of a model, and keep them for its answers.

    As `evaluate_accuracy`, but `auto` of a `DatasetSpec` is what the model's training on it held
    out, else the validation split. `keep` stores it, so that predictions of this model come with
    calibrated probabilities.

    Raises:
        UsableError: something cannot be loaded, the labels do not fit, or there are too few images.
    """
    from usable_core.measuring import calibration

    question = question_of(model, data, limit)
    found = calibration.calibrate(**question.objects, spec=question.dataset, report=report)
    if keep:
        calibrations.keep(found)
    return found


@showing_progress
def fine_tune(
    model: "ModelLike",
    data: "DatasetLike",
    folder: str | Path | None = None,
    *,
    store: bool = False,
    report: Report = silent,
    **settings: Unpack[keywords.FineTuningSettings],
) -> tuple["Model", TrainingResult]:
    """Return the fine-tuned model and the figures of its training.

    Args:
        model: Where the weights start: as for `evaluate_accuracy`, and so are the data.
        data: The task; its train and validation splits are used.
        folder: Where `model.safetensors` and `card.json` are written; None keeps the model in
            memory only.
        store: Keep the model and the figures in the store instead; the model is then `run/ID`.
        report: Told the progress.
        **settings: Other fields of `FineTuningConfig`, such as `schedule` and `method`.

    Raises:
        UnknownName: there is no such setting.
        Diverged: the training did; `checkpoint` is the folder of its last good weights.
        UsableError: a setting is out of its range, or something cannot be loaded or saved.
    """
    if store and folder is not None:
        raise ConfigError("Give folder or store=True, not both: a model is written to one of them.")
    model = prepared_by(model, recipe_of(settings))
    question = question_of(model, data, None, store=store, training=True)
    config = config_of(FineTuningConfig, question, settings)
    if store:
        run, kept = jobs.run_here(config, report, objects=question.objects)
        return _model(run.reference), cast(TrainingResult, kept)
    if folder is not None:
        return _fine_tuned(question, config, report, Path(folder))
    with tempfile.TemporaryDirectory() as passing:
        try:
            tuned, result = _fine_tuned(question, config, report, Path(passing))
        except Diverged as error:
            raise Diverged(error.told, "Give a folder to keep the last good weights.") from error
    tuned.name = f"{question.objects['model'].name}, fine-tuned"
    tuned.spec = ModelSpec(tuned.name)
    return tuned, result


def _answer(
    kind: type[Kind], question: Question, settings: Mapping[str, Any], report: Report
) -> object:
    config = config_of(kind, question, settings)
    if question.is_stored:
        return jobs.run_here(config, report, objects=question.objects)[1]
    result = answering.run(config, question.objects, report, None)
    if question.named is None:
        return result
    return replace(result, config=replace(config, dataset=question.named))


def _fine_tuned(
    question: Question, config: FineTuningConfig, report: Report, folder: Path
) -> tuple["Model", TrainingResult]:
    from usable_core.models.sources.from_card import model_in

    folder.mkdir(parents=True, exist_ok=True)
    result = cast(TrainingResult, answering.run(config, question.objects, report, folder))
    return model_in(folder), result
