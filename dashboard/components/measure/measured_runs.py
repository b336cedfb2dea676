"""Runs that measured something: which of them a page shows, their answers, their names."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shared.run_panel import run_of, run_panel
from usable_core import settings
from usable_core.errors import UsableError
from usable_core.evaluations.result import Config, Evaluation, Measured, question
from usable_core.evaluations.specs import ModelSpec
from usable_core.runs.run import Run, Status

Found = Sequence[tuple[Run, Measured]]
MOST_MODELS = 4  # side by side at 1280 px
MOST_READ = 64  # answers that stay in memory: all of a dozen models, as Compare shows them


def evaluate(configs: Sequence[Config]) -> list[str]:
    """Start a job for each question and return their runs; empty where one cannot be asked."""
    with errors_shown():
        return visitor.start_all(configs)
    return []


def runs_to_show(task: str, questions: Sequence[Evaluation]) -> list[str]:
    """Return the run ids of the address; else the newest run of each question.

    Those that failed are shown by address only.
    """
    return state.chosen_run_ids()[:MOST_MODELS] or [run.id for run in matching(task, questions)]


def matching(task: str, questions: Sequence[Evaluation]) -> list[Run]:
    """Return the newest run of each question that has one."""
    runs = usable_runs(task, questions)
    newest = (next((run for run in runs if run.config == asked), None) for asked in questions)
    return [run for run in newest if run is not None]


def usable_runs(task: str, questions: Sequence[Evaluation]) -> list[Run]:
    """Return the runs, done or on their way, of the models and data of questions, however asked."""
    wanted = {(asked.model, data_of(asked)) for asked in questions}
    return [
        run
        for run in stored.runs(task)
        if (run.status is Status.DONE or not run.status.is_over)
        and (run.config.model, data_of(run.config)) in wanted
    ]


def data_of(asked: Evaluation) -> str:
    """Return the data that a question names; empty where it needs none."""
    return asked.dataset.reference if asked.dataset is not None else ""


def watched(ids: Sequence[str], task: str) -> list[tuple[Run, Measured]]:
    """Show the panels of the runs that have no answer (yet); return the others' answers."""
    found = []
    for run_id in ids:
        run = run_of(run_id)
        if run is None or run.status is not Status.DONE:
            run_panel(run_id)
        elif run.task != task:
            st.warning(f"Run {escaped(run.id)} is not of this page: {escaped(run.title)}.")
        else:
            with errors_shown():
                found.append((run, answer(run)))
    return found


def answer(run: Run) -> Measured:
    """Return the answer of a DONE run, read once.

    Raises:
        StorageError: its files are gone.
    """
    return _answer(settings.database_url(), str(settings.home()), run.id)


@st.cache_resource(max_entries=MOST_READ, show_spinner=False)
def _answer(url: str, home: str, run_id: str) -> Measured:
    del url, home  # part of the cache's key: another store may use the same id
    return stored.store().load(run_id)


def on_one_axis(found: Found) -> Found:
    """Return the answers that share an axis with the first, and say which are left out."""
    kept = [pair for pair in found if pair[1].axis == found[0][1].axis]
    if len(kept) < len(found):
        st.info(f"{len(found) - len(kept)} run, measured otherwise, is left out of the figures.")
    return kept


def latest_per_model(runs: Sequence[Run]) -> list[Run]:
    """Return, of runs newest first, the newest per model that asked what the newest of all did."""
    chosen: dict[ModelSpec, Run] = {}
    for run in runs:
        if _question(run) == _question(runs[0]):
            chosen.setdefault(run.config.model, run)
    return list(chosen.values())


def _question(run: Run) -> tuple[object, ...]:
    return (run.task, data_of(run.config), *question(run.config))


def answers(runs: Sequence[Run]) -> list[tuple[Run, Measured]]:
    """Return the answers of DONE runs; a sentence is shown for one that cannot be read."""
    found = []
    for run in runs:
        try:
            found.append((run, answer(run)))
        except UsableError as error:
            st.error(escaped(str(error)), icon=":material/warning:")
    return found
