"""Working out every number of a verdict anew, from the records beside it."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from usable_core import tasks
from usable_core.errors import UsableError
from usable_core.evaluations.result import Measured, Result, table
from usable_core.records import MALFORMED, shown, to_json
from usable_core.runs.artifacts import read_result
from usable_core.verdict_files.document import candidates_of, numbers_of, requirements_part
from usable_core.verdict_files.form import RECORDS, VERDICT, Document
from usable_core.verdicts.assessment import (
    MEASURED,
    AssessmentConfig,
    AssessmentResult,
    row_of,
)
from usable_core.verdicts.checking import Checked, check
from usable_core.verdicts.finding import findings_of
from usable_core.verdicts.findings import Findings
from usable_core.verdicts.requirements import requirement

if TYPE_CHECKING:
    import pandas as pd

# Other machines add in another order; a changed record moves a share by 1 / n.
RELATIVE, ABSOLUTE = 1e-9, 1e-12
ASSESS = next(name for name, row in tasks.TASKS.items() if row.config is AssessmentConfig)
MOST = 20  # differences that are told of one part

Problem = tuple[str, str]  # the part, and in a sentence what is wrong with it


def read(folder: Path, document: Document) -> tuple[dict[str, Result], list[Problem]]:
    """Return the answers by run, the verdict's own under `VERDICT`, and what cannot be read."""
    found: dict[str, Result] = {}
    problems = []
    named = {name: run["task"] for name, run in document["runs"].items()}
    for name, task in {**named, VERDICT: ASSESS}.items():
        try:
            found[name] = read_result(folder / RECORDS / name, task)
        except (UsableError, *MALFORMED) as error:
            problems.append((f"{RECORDS}/{name}", str(error)))
    return found, problems


def differing(document: Document, answers: Mapping[str, Result]) -> Iterator[Problem]:
    """Yield what the verdict says and its records do not."""
    from usable_core.verdict_files.tiles import chosen, without_pictures

    runs = {name: answer for name, answer in answers.items() if name != VERDICT}
    for name, answer in runs.items():
        at = f"of run {name}"
        yield from _compared("numbers", document["numbers"].get(name), numbers_of(answer), at)
        summary = to_json(answer.summary())
        yield from _compared("results", document["results"].get(name), summary, at)
    verdict = cast("AssessmentResult | None", answers.get(VERDICT))
    if verdict is None:
        return
    required = to_json(requirements_part(verdict.config))
    yield from _compared("requirements", document["requirements"], required, "")
    if "pictures" in document:  # those of an older version have none
        said = [without_pictures(row) for row in document["pictures"]]
        yield from _compared("pictures", said, chosen(verdict, runs), "")
    yield from _mixed(document, verdict, runs)
    records, findings = _records(verdict, runs), _findings(verdict, runs)
    anew = dataclasses.replace(verdict, records=records, findings=findings)
    yield from _compared("summary", document["summary"], to_json(anew.summary()), "")


def _records(verdict: AssessmentResult, runs: Mapping[str, Result]) -> "pd.DataFrame":
    """Return the verdict's records with every number and outcome worked out anew."""
    rows = [
        row | _checked(row, runs, len(verdict.config.models))
        for row in verdict.records.to_dict("records")
    ]
    return table(rows, list(verdict.records.columns))


def _findings(verdict: AssessmentResult, runs: Mapping[str, Result]) -> Findings:
    """Return what stands beside the verdict worked out anew, but for why something was refused."""
    answers: dict[str, dict[str, Measured]] = {}
    names = verdict.records["name"].unique()
    for name, spec in zip(names, verdict.config.models, strict=False):
        of_model = cast(
            list[Measured], [r for r in runs.values() if getattr(r.config, "model", None) == spec]
        )
        by_task = {tasks.name_of(one.config): one for one in of_model}
        answers[str(name)] = {task: by_task[task] for task in MEASURED if task in by_task}
    told = verdict.findings  # what it alone knows: what was open, and what the store had
    earlier = {(pace.model, pace.task) for pace in told.paces if pace.is_earlier}
    found = findings_of(answers, {}, {}, seed=verdict.config.seed, earlier=earlier)
    paces = found.paces if told.paces else ()
    return dataclasses.replace(found, not_measured=told.not_measured, paces=paces)


def _checked(
    row: Mapping[Any, Any], runs: Mapping[str, Result], candidates: int
) -> dict[str, object]:
    required = requirement(row["requirement"])
    results = [cast(Measured, runs[row["run"]])] if row["run"] in runs else []
    found = check(required, results, candidates=candidates)
    if found.found is None:  # why is known to whoever measured
        found = Checked(required, None, "undecided", row["reason"])
    return row_of(found)


def _mixed(
    document: Document, verdict: AssessmentResult, runs: Mapping[str, Result]
) -> Iterator[Problem]:
    """Yield rows that are about another model, or other weights, than the run that they name."""
    specs = {_key(part["model"]): part["fingerprint"] for part in document["weights"]}
    models = [_key(to_json(spec)) for spec in verdict.config.models]
    if list(specs) != models:
        yield "weights", "they are not those of the models that were assessed"
    yield from _misnamed(document, verdict, runs)
    parts = verdict.records.groupby("name", sort=False)
    written = [requirement(text).text for text in verdict.config.require]
    for model, (name, rows) in zip(models, parts, strict=False):
        if list(rows["requirement"]) != written:
            yield "requirements", f"those of {name} are not the ones that were asked for"
        for run in sorted({run for run in rows["run"] if run in runs}):
            answer = cast(Measured, runs[run])
            if _key(to_json(answer.config.model)) != model:
                yield "runs", f"run {run} measured another model than {name}, which names it"
            elif answer.provenance.model_fingerprint != specs.get(model):
                yield "weights", f"run {run} measured other weights than are named for {name}"


def _misnamed(
    document: Document, verdict: AssessmentResult, runs: Mapping[str, Result]
) -> Iterator[Problem]:
    """Yield runs that are said to be of another candidate than the model that they measured."""
    names = candidates_of(verdict)
    for run, answer in runs.items():
        name = names.get(cast(Measured, answer).config.model, "")
        if document["runs"][run]["candidate"] != name:
            yield "runs", f"run {run} is not of the candidate that it is said to be of"


def _key(value: object) -> str:
    """Return JSON as a text that two equal values share."""
    return json.dumps(value, sort_keys=True)


def _compared(part: str, said: object, found: object, at: str) -> Iterator[Problem]:
    for told, (path, one, other) in enumerate(differences(said, found)):
        if told == MOST:
            yield part, " ".join(f"more of it {at} differs".split())
            return
        place = " ".join(f"{path} {at}".split())
        yield part, f"{place} is {shown(one)}, but its records give {shown(other)}"


def differences(
    said: object, found: object, path: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Yield where two JSON values differ by more than the order of additions explains."""
    if isinstance(said, dict) and isinstance(found, dict):
        for key in {**said, **found}:
            inner = f"{path}.{key}" if path else str(key)
            yield from differences(said.get(key, "nothing"), found.get(key, "nothing"), inner)
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for place, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif not _is_same(said, found):
        yield path, said, found


def _is_same(said: object, found: object) -> bool:
    is_numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (said, found))
    if is_numbers:
        one, other = cast(float, said), cast(float, found)
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(said) is type(found) and said == found
