"""An assessment that is not over: which part is done, known, under way or still to do."""

import pandas as pd
import streamlit as st

from dashboard.components.assess.verdict_view import MARKS, UNDECIDED
from dashboard.components.shared.formats import escaped
from usable_core.jobs.steps import Part, so_far
from usable_core.runs.run import Run
from usable_core.tasks import TASKS
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult
from usable_core.verdicts.estimate import spoken
from usable_core.verdicts.verdict import shown

SIGNS = {
    "to do": ":gray[to do]",
    "under way": ":blue-badge[▸ under way]",
    "known": ":green-badge[✓ known]",
    "measured": ":green-badge[✓ measured]",
    "refused": ":red-badge[✗ refused]",
}


def parts_view(run: Run) -> None:
    """Show every part of every candidate, and what is decided already."""
    known = so_far(run.id)
    if known is None or not isinstance(run.config, AssessmentConfig):
        return
    if known.estimate:
        st.caption(f":material/timer: {escaped(known.estimate)}")
    names = list(dict.fromkeys(part.name for part in known.parts))
    kinds = list(dict.fromkeys(part.task for part in known.parts))
    lines = [
        f"| | {' | '.join(TASKS[task].title for task in kinds)} |",
        f"|---|{'---|' * len(kinds)}",
    ]
    cells = {(part.name, part.task): _cell(part) for part in known.parts}
    for name in names:
        row = " | ".join(cells.get((name, task), "") for task in kinds)
        lines.append(f"| **{escaped(name)}** | {row} |")
    st.markdown("\n".join(lines))
    for part in known.parts:
        if part.state == "refused":
            st.caption(escaped(f"{part.name}, {TASKS[part.task].title}: {part.said}"))
    if known.records:
        _decided(AssessmentResult(run.config, pd.DataFrame(known.records)))


def _cell(part: Part) -> str:
    left = f" :gray[about {spoken(part.seconds)}]" if part.seconds and not part.is_over else ""
    return SIGNS[part.state] + left


def _decided(result: AssessmentResult) -> None:
    """Show the requirements that are looked at, and a verdict that nothing can change any more."""
    st.markdown("**Decided so far**")
    for verdict in result.verdicts:
        if verdict.answer == "not fit":
            st.error(escaped(verdict.sentence), icon=":material/cancel:")
        for one in verdict.checked:
            found = shown(one.requirement, one.found) if one.found else one.reason
            text = escaped(f"{verdict.model}: {one.requirement.text}: {found}")
            st.markdown(f"{MARKS.get(one.outcome, UNDECIDED)} {text}")
