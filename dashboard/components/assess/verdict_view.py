"""Showing a verdict: the sentence first, then each requirement, then where its number is."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from dashboard import state
from dashboard.components.assess.candidates_view import candidates_view, headline
from dashboard.components.assess.findings_view import sections
from dashboard.components.assess.measured_parts import parts_of
from dashboard.components.assess.on_selection import on_selection
from dashboard.components.shared.formats import escaped, forget_unless, link
from dashboard.components.shared.metrics import figure
from dashboard.components.shared.once import once
from dashboard.components.shared.tabs import tabs
from usable_core.plots.verdict import is_share, requirement_bars
from usable_core.runs.run import Run
from usable_core.tasks import TASKS
from usable_core.verdicts.assessment import MEASURED, AssessmentResult
from usable_core.verdicts.precedence import Precedence
from usable_core.verdicts.requirements import requirement
from usable_core.verdicts.verdict import Verdict, rounded, shown

MOST_OPEN = 4  # candidates whose requirements stand one below the other
BOXES = {
    "fit": (st.success, ":material/check_circle:"),
    "not fit": (st.error, ":material/cancel:"),
    "not shown": (st.warning, ":material/help:"),
}
MARKS = {"met": ":green-badge[met]", "not met": ":red-badge[not met]"}
UNDECIDED = ":gray-badge[undecided]"


def verdict_view(run: Run, result: AssessmentResult, runs_and_files: Callable[[], None]) -> None:
    """Show the verdict of every candidate, the fit first, then what it rests on under tabs.

    Args:
        run: The assessment.
        result: What to show.
        runs_and_files: Shows the last of the tabs.
    """
    verdicts = sorted(result.verdicts, key=lambda one: list(BOXES).index(one.answer))
    for verdict in verdicts:
        box, icon = BOXES[verdict.answer]
        box(f"**{escaped(verdict.sentence)}** {escaped(_next_step(verdict))}", icon=icon)
    if result.candidates is not None:
        headline(result.candidates)
    _precedence(result.precedence)
    shown: dict[str, Callable[[], None]] = {
        "Requirements": partial(_requirements, result, verdicts)
    }
    if result.candidates is not None and result.candidates.axes:
        shown["Side by side"] = partial(candidates_view, result.candidates, key="assess")
    shown |= sections(result.findings, partial(parts_of, run, result))
    tabs({**shown, "Runs and files": runs_and_files}, key=state.ASSESS_TAB)


def _next_step(verdict: Verdict) -> str:
    """Return what to do about a verdict; empty where its sentence has said so."""
    reasons = [reason.rstrip(".") for reason in verdict.reasons]
    is_said = any(r in verdict.sentence and r in verdict.next_step for r in reasons)
    return "" if is_said else verdict.next_step


def _precedence(found: Precedence) -> None:
    """Say whether the requirements came first, loudly where they did not."""
    if found.is_after:
        st.warning(escaped(found.sentence), icon=":material/history:")
    else:
        st.caption(escaped(found.sentence))


def _requirements(result: AssessmentResult, verdicts: Sequence[Verdict]) -> None:
    """Show each candidate's requirements beside their bounds, and the way to each number."""
    rows = {str(name): rows for name, rows in result.records.groupby("name", sort=False)}
    if len(verdicts) > MOST_OPEN:
        names = [verdict.model for verdict in verdicts]
        forget_unless(state.ASSESS_OF, names)
        chosen = st.selectbox("Requirements of", names, key=state.ASSESS_OF)
        verdicts = [verdict for verdict in verdicts if verdict.model == chosen]
    for verdict in verdicts:
        st.markdown(f"**{escaped(verdict.model)}**")
        if any(one.found is not None and is_share(one) for one in verdict.checked):
            plot = once(requirement_bars, verdict, theme=state.theme())
            key = f"verdict_{result.verdicts.index(verdict)}"
            figure(plot, key=key, alt=f"Requirements of {verdict.model}")
        _table(verdict)
        on_selection(result, verdict)
        runs = rows[verdict.model][["requirement", "run"]].to_dict("records")
        _links({requirement(r["requirement"]).row.task: r["run"] for r in runs if r["run"]})


def _table(verdict: Verdict) -> None:
    with st.expander("Every requirement", expanded=any(c.reason for c in verdict.checked)):
        lines = ["| answer | required | found (95 %) | n | n to decide |", "|---|---|---|---|---|"]
        for one in verdict.checked:
            found = shown(one.requirement, one.found) if one.found else "not measured"
            needed = f"about {rounded(one.examples):,}" if one.examples else ""
            count = f"{one.found.n:,}" if one.found else ""
            mark = MARKS.get(one.outcome, UNDECIDED)
            sign = "≥" if one.requirement.row.is_better == "higher" else "≤"
            required = f"{one.requirement.title} {sign} {one.requirement.bound_text}"
            cells = map(escaped, (required, found, count, needed))
            lines.append(f"| {mark} | {' | '.join(cells)} |")
        st.markdown("\n".join(lines))
        for reason, of in verdict.reasons.items():
            st.caption(escaped(f"{', '.join(one.title for one in of)}: {reason}"))


def _links(runs: dict[str, str]) -> None:
    """Show the way from each number to its page."""
    with st.container(horizontal=True):
        for task in MEASURED:
            if task in runs:
                link(TASKS[task].page, TASKS[task].title, "arrow_forward", {state.RUN: runs[task]})
