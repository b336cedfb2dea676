"""Showing a verdict: the sentence first, then each requirement, then where its number is."""

import streamlit as st

from dashboard import state
from dashboard.components.assess.candidates_view import candidates_view, headline
from dashboard.components.assess.findings_view import findings_view
from dashboard.components.shared.formats import escaped, link
from dashboard.components.shared.metrics import figure
from usable_core.plots.verdict import is_share, requirement_bars
from usable_core.tasks import TASKS
from usable_core.verdicts.assessment import MEASURED, AssessmentResult
from usable_core.verdicts.requirements import requirement
from usable_core.verdicts.verdict import Verdict, rounded, shown

BOXES = {
    "fit": (st.success, ":material/check_circle:"),
    "not fit": (st.error, ":material/cancel:"),
    "not shown": (st.warning, ":material/help:"),
}
MARKS = {"met": ":green-badge[met]", "not met": ":red-badge[not met]"}
UNDECIDED = ":gray-badge[undecided]"


def verdict_view(result: AssessmentResult) -> None:
    """Show the verdict of every candidate, the fit first."""
    order = sorted(
        range(len(result.verdicts)), key=lambda i: list(BOXES).index(result.verdicts[i].answer)
    )
    if result.candidates is not None:
        headline(result.candidates)
    groups = [rows.to_dict("records") for _, rows in result.records.groupby("name", sort=False)]
    for place in order:
        verdict, rows = result.verdicts[place], groups[place]
        box, icon = BOXES[verdict.answer]
        box(f"**{escaped(verdict.sentence)}** {escaped(verdict.next_step)}", icon=icon)
        if any(one.found is not None and is_share(one) for one in verdict.checked):
            plot = requirement_bars(verdict, theme=state.theme())
            figure(plot, key=f"verdict_{place}", alt=f"Requirements of {verdict.model}")
        _table(verdict)
        _links({requirement(r["requirement"]).row.task: r["run"] for r in rows if r["run"]})
    if result.candidates is not None and result.candidates.axes:
        st.subheader("Side by side")
        candidates_view(result.candidates, key="assess")
    findings_view(result.findings)


def _table(verdict: Verdict) -> None:
    with st.expander("Every requirement", expanded=any(c.reason for c in verdict.checked)):
        lines = ["| | required | found (95 %) | n | n to decide |", "|---|---|---|---|---|"]
        for one in verdict.checked:
            found = shown(one.requirement, one.found) if one.found else "not measured"
            needed = f"about {rounded(one.examples):,}" if one.examples else ""
            count = f"{one.found.n:,}" if one.found else ""
            mark = MARKS.get(one.outcome, UNDECIDED)
            cells = map(escaped, (one.requirement.text, found, count, needed))
            lines.append(f"| {mark} | {' | '.join(cells)} |")
        st.markdown("\n".join(lines))
        for reason, of in verdict.reasons.items():
            st.caption(escaped(f"{', '.join(one.title for one in of)}: {reason}"))


def _links(runs: dict[str, str]) -> None:
    """Show the way from each number to its page."""
    for column, task in zip(st.columns(len(MEASURED)), MEASURED, strict=True):
        if task in runs:
            with column:
                link(TASKS[task].page, TASKS[task].title, "arrow_forward", {state.RUN: runs[task]})
