"""A verdict's requirements on the slice, and at the ε, that the sidebar chooses."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dashboard.components.measure.measured_runs import answer
from dashboard.components.measure.sliced import on_slice
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.run_panel import run_of
from dashboard.components.shared.selection import chosen_epsilon, chosen_slice
from usable_core.errors import UsableError
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.result import Measured
from usable_core.evaluations.specs import Norm
from usable_core.verdicts.assessment import AssessmentResult
from usable_core.verdicts.checking import Checked, check
from usable_core.verdicts.requirements import Requirement
from usable_core.verdicts.verdict import Verdict, shown


def on_selection(result: AssessmentResult, verdict: Verdict) -> None:
    """Show what each requirement would be on the selection, where one is made; no verdict of it."""
    text, epsilon = chosen_slice(), chosen_epsilon()
    if not text and epsilon is None:
        return
    rows = result.records[result.records["name"] == verdict.model]
    answers, said = _answers(dict.fromkeys(rows["run"]), text)
    where = [f"slice {text}"] if text else []
    where += [f"ε = {epsilon_label(epsilon)}"] if epsilon is not None else []
    st.markdown(f"**On the selection** ({escaped(', '.join(where))}), beside the verdict above:")
    for sentence in said:
        st.caption(escaped(sentence))
    wanted = dict.fromkeys(_at(one.requirement, epsilon) for one in verdict.checked)
    _table([check(one, answers, candidates=len(result.verdicts)) for one in wanted])


def _at(required: Requirement, epsilon: float | None) -> Requirement:
    """Return a requirement at the chosen ε, where it is at one."""
    if not epsilon or required.row.place != "epsilon":
        return required
    norm: Norm = "words" if required.place.endswith("%") else "linf"
    return replace(required, place=epsilon_label(epsilon, norm))


def _answers(runs: dict[str, None], text: str) -> tuple[list[Measured], list[str]]:
    """Return the answers on the slice, and what is to be said of them, each once."""
    found, said = [], dict[str, None]()
    for run_id in filter(None, runs):
        try:
            run = run_of(run_id)
            if run is None:
                continue
            whole = answer(run)
            if not text:
                found.append(whole)
                continue
            part = on_slice(run, whole, text)
        except UsableError as error:
            said[str(error)] = None
        else:
            found.append(part.result)
            said[f"{part.sentence}."] = None
    return found, list(said)


def _table(checked: Sequence[Checked]) -> None:
    lines = ["| required | found (95 %) | n | |", "|---|---|---|---|"]
    for one in checked:
        found = shown(one.requirement, one.found) if one.found else "not measured"
        count = f"{one.found.n:,}" if one.found else ""
        cells = map(escaped, (one.requirement.text, found, count, one.outcome))
        lines.append(f"| {' | '.join(cells)} |")
    st.markdown("\n".join(lines))
