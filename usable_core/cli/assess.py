"""`usable assess`: is one of these models fit for this use?"""

from pathlib import Path
from typing import Annotated, cast

import typer

from usable_core.catalog.attacks import PRESETS
from usable_core.cli.options import JsonOption
from usable_core.cli.output import Line, answer, run_task, table
from usable_core.errors import ConfigError
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs.run import Run
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult
from usable_core.verdicts.requirements import read_requirements, requirements_of
from usable_core.verdicts.verdict import rounded, shown

STATUS = {"fit": 0, "not fit": 1, "not shown": 2}  # for a pipeline that waits for the verdict


def assess(
    model: tuple[ModelSpec, ...],
    dataset: DatasetSpec,
    requirements: Annotated[
        Path | None, typer.Option(help="File of requirements (TOML), written before measuring.")
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(help='One requirement, such as "accuracy >= 90 %"; repeatable.'),
    ] = None,
    preset: Annotated[
        str, typer.Option(help=f"How much is measured. One of {', '.join(PRESETS)}.")
    ] = "glance",
    json: JsonOption = None,
) -> int:
    """Decide whether models are fit for a use: exit 0 where one is fit, 1 where none is, 2 else."""
    if requirements is not None and require:
        raise ConfigError("Give --requirements or --require, not both: one place says what holds.")
    config = AssessmentConfig(model, dataset, preset=preset, seed=dataset.seed)
    wanted = None
    if requirements is not None:
        wanted = read_requirements(requirements)
    elif require:
        wanted = requirements_of(require)
    if wanted is not None:
        texts = tuple(one.text for one in wanted.required)
        config = AssessmentConfig(
            model,
            dataset,
            texts,
            use=wanted.use,
            set_by=wanted.set_by,
            norm=wanted.norm,
            preset=preset,
            seed=dataset.seed,
        )
    run, result = run_task(config)
    found = cast(AssessmentResult, result)
    answer({**found.summary(), "run": run.id}, json, lines(run, found))
    return min(STATUS[one.answer] for one in found.verdicts)


def lines(run: Run, result: AssessmentResult) -> list[Line]:
    """Return the answer for people: the verdict first, then each requirement."""
    said: list[Line] = [result.sentence]
    for one in result.verdicts:
        rows = [
            (
                checked.outcome,
                checked.requirement.text,
                shown(checked.requirement, checked.found) if checked.found else "not measured",
                f"{checked.found.n:,}" if checked.found else "",
                f"about {rounded(checked.examples):,}" if checked.examples else "",
            )
            for checked in one.checked
        ]
        said += [
            "",
            one.sentence,
            table("", "required", "found (95 %)", "n", "n to decide", rows=rows),
            *(f"{' and '.join(r.text for r in of)}: {why}" for why, of in one.reasons.items()),
            f"Next: {one.next_step}",
        ]
    return [*said, "", f"Run {run.id}; `usable runs show {run.id}`."]
