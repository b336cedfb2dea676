"""What every measuring page is: pick models and data, ask, watch the runs, show their answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard import state, visitor
from dashboard.components.measure.fit import before_links, data_notes, fit_note, headlines
from dashboard.components.measure.measured_runs import (
    MOST_MODELS,
    Found,
    evaluate,
    on_one_axis,
    runs_to_show,
    watched,
)
from dashboard.components.measure.pinned import (
    give_way,
    open_newest,
    pin,
    pin_note,
    restore_question,
)
from dashboard.components.measure.sliced import sliced
from dashboard.components.shared.data_look import look_note
from dashboard.components.shared.data_picker import dataset_picker
from dashboard.components.shared.formats import errors_shown, escaped, provenance_source
from dashboard.components.shared.metrics import records_downloads, score_table
from dashboard.components.shared.names import names_of
from dashboard.components.shared.pickers import measured_models, model_picker
from dashboard.components.shared.weights import here
from usable_core.evaluations.result import Evaluation, Measured
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.tasks import placed

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
        restore: Puts the settings of a question into what `settings` shows.
        needs_classes: Whether the models must know the data's classes.
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
    restore: Callable[[Evaluation], None] = lambda question: None
    needs_classes: bool = True


def measuring_page(page: MeasuringPage) -> None:
    """Show a measuring page."""
    st.title(page.title)
    st.markdown(page.sentence)
    restore_question(page.task, page.restore)
    # What was answered comes first; what was asked is one click away.
    with st.expander("What is asked", expanded=not state.chosen_run_ids()):
        questions = _form(page)
    give_way(page.task, questions)
    open_newest(page.task, questions)
    found = on_one_axis(watched(runs_to_show(page.task, questions), page.task))
    if found:
        found = sliced(found)
        if not found:
            pin_note(page.task, questions)
            return
        _results(page, found, questions)
        return
    pin_note(page.task, questions)
    if not state.chosen_run_ids():
        with st.container(border=True):
            st.markdown(f"**{page.nothing}**")
            if questions:
                st.caption(page.hint)
            before_links(page.task, questions)


def _form(page: MeasuringPage) -> list[Evaluation]:
    left, right = st.columns(2, gap="large")
    with left:
        models = model_picker(state.MODELS, MOST_MODELS, default=measured_models())
        are_here = len(here(models)) == len(models)
    with right:
        limit, own = page.examples(), state.of_page(page.task, "dataset")
        dataset = dataset_picker(state.DATA, models=models, ask_limit=True, limit=limit, page=own)
        look_note(dataset)
    fits = dataset is None or not page.needs_classes or fit_note(models, dataset.reference)
    ask = page.settings()
    questions: list[Evaluation] = []
    if ask is not None and dataset is not None:
        with errors_shown():
            questions = [placed(ask(model, dataset)) for model in models]
    is_pressed = st.button(
        "Evaluate",
        key=state.of_page(page.task, "start"),
        type="primary",
        disabled=not (questions and fits and are_here) or visitor.read_only() is not None,
        help=visitor.read_only(),
    )
    page.estimate(questions if fits and are_here else ())
    if is_pressed and (ids := evaluate(questions)):
        st.query_params[state.RUN] = ids
        pin(page.task, ids, questions)
        st.rerun()
    return questions


def _warnings(results: Sequence[Measured], names: Sequence[str]) -> None:
    """Show what a reader must know before the numbers, each once, and of whom it is said."""
    said: dict[str, list[str]] = {}
    for result, name in zip(results, names, strict=True):
        for sentence in result.provenance.warnings:
            said.setdefault(sentence, []).append(name)
    for sentence, of in said.items():
        whose = "" if len(of) == len(results) else f"**{escaped(', '.join(of))}**: "
        st.warning(f"{whose}{escaped(sentence)}", icon=":material/warning:")


def _results(page: MeasuringPage, found: Found, questions: Sequence[Evaluation]) -> None:
    results = [result for _, result in found]
    names = names_of(results)
    headlines(results, names)
    data_notes(found)
    pin_note(page.task, questions)
    _warnings(results, names)
    page.results(found, names)
    with st.expander("All numbers, files, and what they come from"):
        score_table(results, names, key=state.of_page(page.task, "scores"))
        records_downloads(found, names)
        for result in results:
            provenance_source(result.provenance)
