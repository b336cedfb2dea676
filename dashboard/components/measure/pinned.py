"""Runs that the address names: the form shows their question, until the user asks another.

So what stands in the form and the numbers below it are always one question.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass

import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import (
    MOST_MODELS,
    latest_per_model,
    matching,
    usable_runs,
)
from dashboard.components.shared.data_picker import restore_dataset
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.pickers import restore_models
from dashboard.components.shared.run_panel import run_of
from usable_core.evaluations.result import Evaluation
from usable_core.runs.run import Run

Questions = Sequence[Evaluation]


def restore_question(task: str, restore_settings: Callable[[Evaluation], None]) -> None:
    """Put the question of the address's runs into the form, once; call it before the form."""
    ids, key = state.chosen_run_ids(), state.of_page(task, "pinned")
    if ids and (state.has_arrived() or st.session_state.get(key) != ids):
        runs = pinned_runs(task)
        if runs:
            restore_models(state.MODELS, [run.config.model for run in runs[:MOST_MODELS]])
            if runs[0].config.dataset is not None:
                own = state.of_page(task, "dataset")
                restore_dataset(state.DATA, runs[0].config.dataset, own)
            restore_settings(runs[0].config)
        pin(task, ids, None)


def pin(task: str, ids: Sequence[str], questions: Questions | None) -> None:
    """Note which runs the form belongs to, and what it asks; None: what it will ask at first."""
    st.session_state[state.of_page(task, "pinned")] = list(ids)
    st.session_state[state.of_page(task, "asked")] = questions


def give_way(task: str, questions: Questions) -> None:
    """Let go of the address's runs where the form asks something else than it did with them."""
    ids, key = state.chosen_run_ids(), state.of_page(task, "asked")
    if ids and st.session_state.get(key) is None:
        st.session_state[key] = questions
    elif ids and st.session_state[key] != questions:
        st.query_params.pop(state.RUN, None)


def open_newest(task: str, questions: Questions) -> None:
    """At the first visit, open what was measured last of these models and data, however asked.

    Where one of the models was never measured nothing is opened: the form would lose that model.
    """
    key = state.of_page(task, "visited")
    is_first = not st.session_state.get(key)
    st.session_state[key] = True
    if not is_first or state.chosen_run_ids() or matching(task, questions):
        return
    runs = latest_per_model(usable_runs(task, questions))
    models = {asked.model.reference for asked in questions}
    if runs and models == {run.config.model.reference for run in runs}:
        st.query_params[state.RUN] = [run.id for run in runs[:MOST_MODELS]]
        st.rerun()


def pinned_runs(task: str) -> list[Run]:
    """Return the runs of the address that this page asks for."""
    found = [run_of(run_id) for run_id in state.chosen_run_ids()]
    return [run for run in found if run is not None and run.task == task]


def pin_note(task: str, questions: Questions) -> None:
    """Say what the form does not show of the address's runs, and offer to let go of them."""
    if not state.chosen_run_ids():
        return
    lacking: dict[str, None] = {}
    for run in pinned_runs(task):
        asked = [q for q in questions if q.model.reference == run.config.model.reference]
        lacking |= dict.fromkeys(differences(run.config, asked[0]) if asked else ())
    if lacking:
        st.caption(
            f":material/info: Asked with {escaped(', '.join(lacking))}, which the form above does "
            "not offer: Evaluate asks without."
        )
    st.button(
        "Show the newest instead",
        key=state.NEWEST_RUNS,
        type="tertiary",
        icon=":material/close:",
        on_click=st.query_params.pop,
        args=(state.RUN, None),
        help="These are the runs that the address names. A change in the form lets go of them too.",
    )


def differences(config: object, other: object) -> list[str]:
    """Return the settings of a question that another does not share: `split test`."""
    found = []
    for field in fields(config):  # type: ignore[arg-type]
        ours, theirs = getattr(config, field.name), getattr(other, field.name)
        if ours != theirs and is_dataclass(ours) and is_dataclass(theirs):
            found += differences(ours, theirs)
        elif ours != theirs:
            is_short = isinstance(ours, (str, int, float, bool))
            found.append(f"{field.name.replace('_', ' ')} {ours}" if is_short else field.name)
    return found
