"""Usable from Python: which backbone is worth tuning on a task, and at which learning rate?"""

from typing import TYPE_CHECKING, Unpack, cast

from usable_core import answering, jobs
from usable_core.arguments import config_of, prepared_by, question_of, recipe_of
from usable_core.evaluations import keywords
from usable_core.evaluations.rate import RateConfig, RateResult
from usable_core.evaluations.specs import Report, silent
from usable_core.evaluations.transferability import (
    LIMIT,
    TransferabilityConfig,
    TransferabilityResult,
)
from usable_core.progress import showing_progress

if TYPE_CHECKING:
    from usable_core.arguments import DatasetLike, ModelLike


@showing_progress
def evaluate_transferability(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    limit: int | None = LIMIT,
    store: bool = False,
    report: Report = silent,
) -> TransferabilityResult:
    """Return how well the frozen features of a model suit a task, before anything is tuned.

    Args:
        model: The backbone: as for `evaluate_accuracy`. It need not know the task's classes.
        data: The task, as for `fine_tune`: its training part is used.
        limit: At most this many examples, stratified by class.
        store: Keep the answer where command line and pages keep theirs, or take it from there.
        report: Told the progress.

    Raises:
        CheckpointError: the network is a fixed program that shows only its logits.
        UsableError: something cannot be loaded, or there are too few examples.
    """
    question = question_of(model, data, limit, store=store, training=True)
    config = config_of(TransferabilityConfig, question, {})
    if store:
        run = jobs.run_here(config, report, objects=question.objects)
        return cast(TransferabilityResult, run[1])
    return cast(TransferabilityResult, answering.run(config, question.objects, report, None))


@showing_progress
def find_rate(
    model: "ModelLike",
    data: "DatasetLike",
    *,
    store: bool = False,
    report: Report = silent,
    **settings: Unpack[keywords.RateSettings],
) -> RateResult:
    """Return how the loss of a fine-tuning goes while its learning rate rises, and what to take.

    Args:
        model: As for `fine_tune`, and so are the data.
        data: The task.
        store: Keep the answer where command line and pages keep theirs, or take it from there.
        report: Told the progress.
        **settings: Those of `fine_tune`, and `steps`, `lowest` and `highest`, see `RateConfig`.

    Raises:
        UnknownName: there is no such setting.
        UsableError: a setting is out of its range, or something cannot be loaded.
    """
    model = prepared_by(model, recipe_of(settings))
    question = question_of(model, data, None, store=store, training=True)
    config = config_of(RateConfig, question, settings)
    if store:
        return cast(RateResult, jobs.run_here(config, report, objects=question.objects)[1])
    return cast(RateResult, answering.run(config, question.objects, report, None))
