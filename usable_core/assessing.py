"""Usable from Python: is one of these models fit for this use?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from usable_core import jobs
from usable_core.arguments import model_of, question_of
from usable_core.errors import ConfigError
from usable_core.evaluations.specs import InputKind, ModelSpec, Report, silent
from usable_core.progress import showing_progress
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult
from usable_core.verdicts.kinds import start_of
from usable_core.verdicts.requirement_files import read_requirements
from usable_core.verdicts.requirements import Requirements, requirements_of

if TYPE_CHECKING:
    from usable_core.arguments import DatasetLike, ModelLike
    from usable_core.models.model import Model


@showing_progress
def assess(
    models: "ModelLike | Sequence[ModelLike]",
    data: "DatasetLike",
    require: Sequence[str] | str | Path | None = None,
    *,
    preset: str = "glance",
    swaps: str | None = None,
    judge: "ModelLike | None" = None,
    limit: int | None = None,
    report: Report = silent,
) -> AssessmentResult:
    """Return whether models are fit for a use: fit, not fit, or not shown, with every requirement.

    Everything is measured of each: accuracy, calibration, corruptions, attacks, explanations; what
    the store knows already is taken from there, and the answers are kept in it.

    Args:
        models: As for `evaluate_accuracy`, one or several.
        data: As for `evaluate_accuracy`.
        require: Requirements such as `"accuracy >= 90 %"`, or the path of a file of them; the usual
            ones when not given.
        preset: How much is measured, a key of `catalog.attacks.PRESETS`.
        swaps: Of texts, what attacks swap words for: a key of `catalog.text_attacks.TEXT_PRESETS`.
        judge: Another model of texts, which says what broken texts still say.
        limit: At most this many examples.
        report: Told the progress.

    Raises:
        ConfigError: a requirement is none.
        UnknownName: it names a number that there is not, or there is no such preset.
        UsableError: the data or a model cannot be loaded. What is refused later, such as classes
            that do not fit, leaves its requirements undecided and says why.
    """
    several = models if isinstance(models, (list, tuple)) else [models]
    question = question_of(several[0], data, limit, store=True) if several else None
    if question is None:
        raise ConfigError("Give at least one model to assess.")
    loaded = [question.objects["model"], *map(model_of, several[1:])]
    specs = [_spec(m, o) for m, o in zip(several, loaded, strict=True)]
    judging = None if judge is None else model_of(judge)
    data_set = question.objects["dataset"]
    wanted = _requirements(require, data_set.kind)
    config = AssessmentConfig(
        tuple(specs),
        question.dataset,
        tuple(one.text for one in wanted.required),
        wanted.use,
        wanted.set_by,
        wanted.norm,
        preset,
        kind=data_set.kind,
        swaps=swaps,
        judge=None if judging is None else _spec(judge, judging),
    )
    objects = {"models": loaded, "dataset": data_set, "judge": judging}
    return cast(AssessmentResult, jobs.run_here(config, report, objects=objects)[1])


def _spec(said: object, model: "Model") -> ModelSpec:
    return said if isinstance(said, ModelSpec) else model.spec


def _requirements(require: Sequence[str] | str | Path | None, kind: InputKind) -> Requirements:
    if isinstance(require, Path) or (isinstance(require, str) and require.endswith(".toml")):
        return read_requirements(Path(require))
    return requirements_of([require] if isinstance(require, str) else require or start_of(kind))
