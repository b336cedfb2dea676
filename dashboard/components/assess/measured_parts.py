"""What an assessment rests on: the run of each candidate and kind, as far as it is still there."""

from collections.abc import Mapping

from dashboard import stored
from usable_core.runs.run import Run, Status
from usable_core.verdicts.assessment import MEASURED, AssessmentResult

Parts = Mapping[str, Mapping[str, Run]]  # by the candidate's name, then by task


def parts_of(run: Run, result: AssessmentResult) -> Parts:
    """Return the runs of each candidate that has one."""
    names = [verdict.model for verdict in result.verdicts]
    by_model = {m.placed(): name for m, name in zip(result.config.models, names, strict=False)}
    found: dict[str, dict[str, Run]] = {}
    for part in stored.store().children(run.answered_by or run.id):
        if part.task in MEASURED and part.status is Status.DONE:
            name = by_model.get(part.config.model.placed())
            if name is not None:
                found.setdefault(name, {})[part.task] = part
    return found
