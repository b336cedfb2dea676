"""`usable assess`: is one of these models fit for this use?"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast

import typer

from usable_core import answering, tasks
from usable_core.catalog.attacks import PRESETS
from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.cli.candidates import side_by_side
from usable_core.cli.findings import finding_lines
from usable_core.cli.options import JsonOption, RayOption
from usable_core.cli.output import Line, answer, how_to_open, progress_bar, remark, run_task, table
from usable_core.errors import ConfigError
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Report, asked
from usable_core.jobs.planning import plan
from usable_core.runs.run import Run
from usable_core.verdict_files.saving import check_free
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult
from usable_core.verdicts.estimate import Estimate
from usable_core.verdicts.kinds import kind_told, start_of
from usable_core.verdicts.requirement_files import read_requirements
from usable_core.verdicts.requirements import requirements_of
from usable_core.verdicts.verdict import exit_status, rounded, shown


@dataclass(frozen=True)
class Wanted:
    """What a model must reach, and how much is measured to say so.

    Attributes:
        requirements: File of requirements (TOML), written before measuring.
        require: One requirement, such as "accuracy >= 90 %"; repeatable.
        preset: How much is measured.
        swaps: Of texts, what attacks swap words for, typo when not given.
        judge: Another model of texts, which says what broken texts still say.
    """

    requirements: Path | None = field(default=None, metadata=asked(read=Path))
    require: list[str] | None = None
    preset: str = field(default="glance", metadata=asked(choices=lambda: PRESETS))
    swaps: str | None = field(default=None, metadata=asked(choices=lambda: TEXT_PRESETS))
    judge: ModelSpec | None = None

    def config(self, models: tuple[ModelSpec, ...], dataset: DatasetSpec) -> AssessmentConfig:
        """Return the question.

        Raises:
            ConfigError: requirements are given in two places, or one is not good.
        """
        if self.requirements is not None and self.require:
            raise ConfigError(
                "Give --requirements or --require, not both: one place says what holds."
            )
        kind = kind_told(models, dataset) or answering.dataset_of(dataset).kind
        if self.requirements is not None:
            found = read_requirements(self.requirements)
        else:
            found = requirements_of(self.require or start_of(kind))
        return AssessmentConfig(
            models,
            dataset,
            tuple(one.text for one in found.required),
            found.use,
            found.set_by,
            found.norm,
            self.preset,
            dataset.seed,
            kind,
            self.swaps,
            self.judge,
        )


@dataclass(frozen=True)
class EvidenceFile:
    """Where the evidence file goes.

    Attributes:
        out: Write the evidence file here, into a folder: verdict.html, verdict.json and the
            records.
        sign: Sign the evidence file by this private key of SSH.
    """

    out: Path | None = field(default=None, metadata=asked(read=Path))
    sign: Path | None = field(default=None, metadata=asked(read=Path))

    def check(self) -> None:
        """Look before the work whether it can be written.

        Raises:
            ConfigError: it would be signed, but goes nowhere.
            StorageError: there is something in the folder, or it cannot be made.
        """
        if self.out is not None:
            check_free(self.out)
        elif self.sign is not None:
            raise ConfigError("--sign signs the evidence file. Say by --out where that goes.")


def assess(
    model: tuple[ModelSpec, ...],
    dataset: DatasetSpec,
    wanted: Wanted,
    evidence: EvidenceFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say only how long it will take.")
    ] = False,
    ray: RayOption = None,
    json: JsonOption = None,
) -> int:
    """Decide whether models are fit for a use: exit 0 where one is, 1 where none can be, 2 else."""
    evidence.check()
    config = wanted.config(model, dataset)
    if not dry_run:
        return told(config, json, evidence.out, evidence.sign)
    tasks.check_names(config)
    with progress_bar() as report:
        found = plan(config, report).estimate
    answer(estimated(found), json, estimate_lines(found))
    return 0


def told(
    config: AssessmentConfig, json: str | None, out: Path | None = None, key: Path | None = None
) -> int:
    """Assess, tell what is decided as it comes, then the verdict; return the exit status."""
    run, result = run_task(config, partly)
    found = cast(AssessmentResult, result)
    said = [*lines(run, found), *how_to_open(run)]
    if out is not None:
        found.save(out, key)
        said.append(f"The evidence is in {out}: open verdict.html, or `usable verify {out}`.")
    answer({**found.summary(), "run": run.id}, json, said)
    return exit_status(one.answer for one in found.verdicts)


@contextlib.contextmanager
def partly(report: Report) -> Iterator[Report]:
    """Give a `Report` that also says for good what each part has decided."""
    last = -1.0

    def inner(done: int, total: int, message: str, **metrics: float) -> None:
        nonlocal last
        if metrics.get("parts", last) > last:
            last = metrics["parts"]
            remark(message)
        report(done, total, message, **{k: v for k, v in metrics.items() if k != "parts"})

    yield inner


def estimated(found: Estimate) -> dict[str, object]:
    """Return an estimate as JSON."""
    return {
        "sentence": found.sentence,
        "seconds": found.seconds,
        "known": found.known,
        "parts": [{**vars(part), "model": part.model.reference} for part in found.parts],
    }


def estimate_lines(found: Estimate) -> list[Line]:
    """Return an estimate for people: the whole first, then each part."""
    rows = [
        (p.model.reference, p.task, "known" if p.is_known else f"{p.seconds:.0f} s")
        for p in found.parts
    ]
    return [found.sentence, table("Model", "Part", "", rows=rows)]


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
    if result.candidates is not None:
        said += ["", *side_by_side(result.candidates)]
    said += finding_lines(result.findings)
    return [*said, "", result.precedence.sentence]
