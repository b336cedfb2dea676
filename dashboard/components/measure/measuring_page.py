"""What every measuring page is: pick models and data, ask, watch the runs, show their answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import (
    MOST_MODELS,
    Found,
    address_note,
    evaluate,
    names_of,
    on_one_axis,
    runs_to_show,
    watched,
)
from dashboard.components.shared.formats import errors_shown, provenance_footer
from dashboard.components.shared.metrics import records_downloads, score_table
from dashboard.components.shared.pickers import dataset_picker, model_picker, trained_models
from usable_core.evaluations.result import Evaluation
from usable_core.evaluations.specs import DatasetSpec, ModelSpec

Ask = Callable[[ModelSpec, DatasetSpec], Evaluation]


@dataclass(frozen=True)
class MeasuringPage:
    """What one kind of evaluation adds to the page that all share.

    Attributes:
        task: Key of `TASKS`; the page's keys begin with it.
        title: Above the page.
        sentence: What the page answers.
        nothing: What is said where nothing was measured yet.
        hint: And what to do about it.
        settings: Shows what is asked beside models and data; returns the question about one model,
            or None while something is missing.
        results: Shows answers side by side.
        examples: How many examples are used at first; None for all.
        estimate: Shows what the questions will cost.
    """

    task: str
    title: str
    sentence: str
    nothing: str
    hint: str
    settings: Callable[[], Ask | None]
    results: Callable[[Found, Sequence[str]], None]
    examples: Callable[[], int | None] = lambda: None
    estimate: Callable[[Sequence[Evaluation]], None] = lambda questions: None


def measuring_page(page: MeasuringPage) -> None:
    """Show a measuring page."""
    st.title(page.title)
    st.markdown(page.sentence)
    models, dataset = _form(page)
    found = on_one_axis(watched(runs_to_show(page.task, models, dataset), page.task))
    if found:
        _results(page, found)
    elif not state.chosen_run_ids():
        with st.container(border=True):
            st.markdown(f"**{page.nothing}**")
            st.caption(page.hint)
    address_note()


def _form(page: MeasuringPage) -> tuple[Sequence[ModelSpec], DatasetSpec | None]:
    left, right = st.columns(2, gap="large")
    with left:
        models = model_picker(state.MODELS, MOST_MODELS, default=trained_models())
    with right:
        key = state.of_page(page.task, "dataset")
        dataset = dataset_picker(key, ask_limit=True, limit=page.examples())
    ask = page.settings()
    questions: list[Evaluation] = []
    if ask is not None and dataset is not None:
        with errors_shown():
            questions = [ask(model, dataset) for model in models]
    is_pressed = st.button(
        "Evaluate", key=state.of_page(page.task, "start"), type="primary", disabled=not questions
    )
    page.estimate(questions)
    if is_pressed:
        evaluate(questions)
    return models, dataset


def _results(page: MeasuringPage, found: Found) -> None:
    results = [result for _, result in found]
    names = names_of(results)
    page.results(found, names)
    st.subheader("All numbers")
    score_table(results, names, key=state.of_page(page.task, "scores"))
    records_downloads(found, names)
    for result in results:
        provenance_footer(result.provenance)
