"""Compare: several models on the same examples. Which is better, and is it more than luck?"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard import state, stored
from dashboard.components.assess.candidates_view import candidates_view, headline, together
from dashboard.components.measure.comparison import overview, pairs
from dashboard.components.measure.measured_runs import answers, latest_per_model
from dashboard.components.measure.sliced import sliced
from dashboard.components.shared.formats import errors_shown, link, provenance_footer
from dashboard.components.shared.metrics import score_table
from dashboard.components.shared.names import training_titles
from dashboard.components.shared.once import once
from dashboard.components.shared.run_panel import find, run_panel
from dashboard.components.shared.tabs import tabs
from usable_core.comparison import compare, short_names
from usable_core.comparison.names import distinct
from usable_core.runs.run import Run, Status
from usable_core.tasks import TASKS

KINDS = tuple(name for name, task in TASKS.items() if task.figure)


def page() -> None:
    st.title("Compare")
    st.markdown("Several models on the same examples: which is better, and is it more than luck?")
    parent = st.query_params.get(state.PARENT)
    if parent:
        run = find(parent)
        if run is None:
            return
        if run.status is not Status.DONE:
            run_panel(parent)
            return
    done = [run for kind in KINDS for run in stored.runs(kind, only_done=True)]
    if not done:
        empty()
        return
    chosen = choose(done, parent)
    by_kind = {kind: [run for run in chosen if run.task == kind] for kind in KINDS}
    sections = {
        TASKS[kind].title: partial(section, kind, runs) for kind, runs in by_kind.items() if runs
    }
    if len(sections) > 1:
        sections = {"Side by side": partial(side_by_side, chosen), **sections}
    if sections:
        tabs(sections, key=state.COMPARE_TAB)


def empty() -> None:
    with st.container(border=True):
        st.markdown("**Nothing has been measured yet.** Measure two models on the same data.")
        link("overview", "To the demo", "home")
        link("accuracy", "Accuracy", "target")


def choose(done: Sequence[Run], parent: str | None) -> list[Run]:
    """Ask which runs; at first those of the address, of the demo, or the latest per model."""
    by_id = {run.id: run for run in done}
    start = [name for name in state.chosen_run_ids() if name in by_id]
    start = start or [run.id for run in done if parent and run.parent == parent]
    start = start or [
        run.id for kind in KINDS for run in latest_per_model([r for r in done if r.task == kind])
    ]
    titles = dict(zip(by_id, distinct([run.called for run in done]), strict=True))
    ids = st.multiselect(
        "Runs",
        list(by_id),
        default=start,
        key=state.COMPARE_RUNS,
        on_change=remember,
        format_func=titles.__getitem__,
        help="The pairs are tested on the examples that all of them have.",
    )
    if not ids:
        st.info("Choose two or more runs on the same data.", icon=":material/balance:")
    return [by_id[name] for name in ids]


def remember() -> None:
    """Put the choice into the address, so that it can be sent as a link."""
    st.query_params[state.RUN] = st.session_state[state.COMPARE_RUNS]


def side_by_side(runs: Sequence[Run]) -> None:
    """All kinds together, model by model."""
    results = [result for _, result in sliced(answers(runs))]
    several = once(together, results, training_titles())
    if several is None:
        st.info("Two models of which the accuracy is known can be put side by side.")
        return
    headline(several)
    if several.axes:
        candidates_view(several, key="compare")


def section(kind: str, runs: Sequence[Run]) -> None:
    """Pairs of one kind, then its numbers."""
    results = [result for _, result in sliced(answers(runs))]
    if not results:
        return
    titles = training_titles()
    names = short_names(results, titles)
    if len(results) > 1:
        with errors_shown():
            pairs(kind, once(compare, results, titles=titles))
    else:
        st.info(f"Only one {kind} run is chosen; two make a comparison.", icon=":material/balance:")
    overview(kind, results, names)
    with st.expander("All numbers, and what they come from"):
        score_table(results, names, key=f"compare_scores_{kind}")
        for result in results:
            provenance_footer(result.provenance)


page()
