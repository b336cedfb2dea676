"""What is measured on what: whether they fit, what was measured before, and results' headlines."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import Found, data_of, usable_runs
from dashboard.components.shared.data_picker import known_classes
from dashboard.components.shared.formats import escaped, link
from dashboard.components.shared.kinds import known_kinds
from dashboard.components.shared.pickers import facts, model_options
from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.fitting import misfit
from usable_core.catalog.kinds import kind_of_data
from usable_core.evaluations.result import Evaluation, Measured
from usable_core.evaluations.specs import ModelSpec
from usable_core.runs.run import Status
from usable_core.runs.uploads import data_title

MOST_BEFORE = 3  # earlier runs that are offered


def fit_note(models: Sequence[ModelSpec], dataset: str) -> bool:
    """Say which models cannot be measured on the data, and why; tell whether all can."""
    options, known = model_options(), known_classes()
    if len(kinds := known_kinds([model.reference for model in models])) > 1:
        st.warning(
            "Some of these models take pictures, others texts: no data are of both. Choose models "
            "of one kind.",
            icon=":material/link_off:",
        )
        return False
    reasons = {m.reference: misfit(facts(m.reference), dataset, known) for m in models}
    for reference, reason in reasons.items():
        if reason:
            name = options.get(reference, reference)
            st.warning(
                f"{escaped(name)} does not fit {escaped(data_title(dataset))}. {escaped(reason)}",
                icon=":material/link_off:",
            )
            if kind_of_data(dataset) not in {*kinds, None}:
                continue
            link(
                "fine_tune",
                f"Fine-tune {escaped(name)} on {escaped(data_title(dataset))}",
                "tune",
                {state.FINE_TUNE_MODEL: reference, state.FINE_TUNE_DATASET: dataset},
            )
    return not any(reasons.values())


def before_links(task: str, questions: Sequence[Evaluation]) -> None:
    """Offer what was measured of these models and data before, asked otherwise."""
    runs = [run for run in usable_runs(task, questions) if run.status is Status.DONE]
    for run in runs[:MOST_BEFORE]:
        count = (run.summary or {}).get("n")
        size = f" · n = {count:,}" if count else ""
        when = f"{run.created.astimezone():%d %b, %H:%M}"
        link(
            task,
            f"Measured before, asked otherwise: {escaped(run.title)}{size} · {when}",
            "history",
            {state.RUN: run.id},
        )


def headlines(results: Sequence[Measured], names: Sequence[str]) -> None:
    """Say of which model, on which data, and of how many examples the numbers below are."""
    of_data: dict[str, list[str]] = {}
    for result, name in zip(results, names, strict=True):
        of_data.setdefault(about(result), []).append(name)
    for data, of in of_data.items():
        st.subheader(f"{escaped(', '.join(of))} on {escaped(data)}", anchor=False)


def data_notes(found: Found) -> None:
    """Say which data are gone, or were written anew since they were measured."""
    newest = {data_of(run.config): run for run, _ in found}
    for reference, run in newest.items():
        path = Path(reference)
        if reference in DATASETS or not path.is_absolute():
            continue
        name = escaped(data_title(reference))
        if not path.exists():
            st.caption(f":material/folder_off: {name} is not at {escaped(reference)} any more.")
        elif path.stat().st_mtime > (run.started or run.created).timestamp():
            st.caption(
                f":material/history: {name} was written anew since this was measured: the numbers "
                "are of what it held then."
            )


def about(result: Measured) -> str:
    """Return data, part and number of examples: `Digits, test · 360 images`."""
    source = result.provenance
    part = "" if source.split == "all" else f", {source.split}"
    return f"{data_title(source.dataset)}{part} · {result.n:,} {result.examples}"
