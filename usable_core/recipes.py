"""`probe`: under which way of preparing pictures a model is most right, asked from Python."""

from typing import TYPE_CHECKING

from usable_core.arguments import question_of
from usable_core.evaluations.recipes import Recipe
from usable_core.evaluations.specs import Report, silent
from usable_core.progress import showing_progress

if TYPE_CHECKING:
    from usable_core.arguments import DatasetLike, ModelLike


@showing_progress
def probe(
    model: "ModelLike", data: "DatasetLike", *, limit: int | None = 500, report: Report = silent
) -> tuple[Recipe, ...]:
    """Return how often a model is right under each usual way of preparing pictures for it.

    For weights that came without theirs. The first recipe is the present one; none is taken: give
    the `settings` of one to `load_model` as its `preprocessing`.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        data: As `evaluate_accuracy` takes it.
        limit: At most this many examples, stratified by class.
        report: Told the progress of each way.

    Raises:
        UsableError: something cannot be loaded or evaluated, or the labels do not fit.
    """
    from usable_core.measuring import recipes

    question = question_of(model, data, limit)
    return recipes.probe(**question.objects, spec=question.dataset, report=report)
