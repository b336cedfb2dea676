"""Usable from Python: what does an answer of this model cost on this machine?"""

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack, cast

from usable_core import answering, jobs
from usable_core.arguments import Question, config_of, model_of, question_of
from usable_core.evaluations import keywords
from usable_core.evaluations.cost import CostConfig, CostResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Report, silent
from usable_core.progress import showing_progress

if TYPE_CHECKING:
    from usable_core.arguments import DatasetLike, ModelLike


@showing_progress
def evaluate_cost(
    model: "ModelLike",
    data: "DatasetLike | None" = None,
    *,
    store: bool = False,
    report: Report = silent,
    **settings: Unpack[keywords.CostSettings],
) -> CostResult:
    """Return what an answer of the model costs here: time, memory, multiply-adds, file.

    Args:
        model: As for `evaluate_accuracy`.
        data: As for `evaluate_accuracy`: its pictures are decoded and preprocessed within the time.
            Without data the forward pass alone is timed.
        store: Keep the answer where command line and pages keep theirs, or take it from there,
            where this machine measured it.
        report: Told the progress.
        **settings: Other fields of `CostConfig`: `batch_sizes` and `timings`.

    Raises:
        UnknownName: there is no such setting.
        ConfigError: a setting is out of its range.
        UsableError: the model or the data cannot be loaded, or no picture can be decoded.
    """
    if data is None:
        loaded = model_of(model)
        name = model if isinstance(model, ModelSpec) else loaded.spec
        question = Question({"model": loaded}, name, DatasetSpec(""))
        config = replace(config_of(CostConfig, question, settings), dataset=None)
    else:
        question = question_of(model, data, None, store=store, matches_classes=False)
        config = config_of(CostConfig, question, settings)
    if store:
        return cast(CostResult, jobs.run_here(config, report, objects=question.objects)[1])
    return cast(CostResult, answering.run(config, question.objects, report, None))
