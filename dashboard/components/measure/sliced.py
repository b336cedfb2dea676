"""Answers on the slice that the sidebar chooses, recomputed from their records."""

from collections.abc import Sequence

import streamlit as st

from dashboard import stored
from dashboard.components.measure.measured_runs import answer, data_of
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.once import once
from dashboard.components.shared.selection import chosen_slice
from usable_core.errors import UsableError
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.result import Measured
from usable_core.runs.run import Run
from usable_core.verdicts.restriction import Restricted, conditions_of, restricted

MOST_DESCRIBED = 4  # answers of accuracy that are looked through, the newest


def sliced(found: Sequence[tuple[Run, Measured]]) -> list[tuple[Run, Measured]]:
    """Return the answers on the chosen slice, saying of how many examples they are.

    One of which that cannot be known is left out, in a sentence; without a slice all are whole.
    """
    text = chosen_slice()
    if not text:
        return list(found)
    kept, said = [], dict[str, None]()
    for run, result in found:
        try:
            part = on_slice(run, result, text)
        except UsableError as error:
            name = escaped(run.called)
            st.warning(f"{name} is left out: {escaped(str(error))}", icon=":material/filter_alt:")
            continue
        kept.append((run, part.result))
        said[part.sentence] = None
    for sentence in said:
        st.info(f"Only the slice **{escaped(sentence)}**.", icon=":material/filter_alt:")
    return kept


def on_slice(run: Run, result: Measured, text: str) -> Restricted:
    """Return an answer on a slice, made once.

    Raises:
        UsableError: the slice is not known of it, or holds none of its examples.
    """
    return once(_restricted, [result, *_described(run, result)], text)


def _restricted(answers: Sequence[Measured], text: str) -> Restricted:
    result, *described = answers
    return restricted(result, conditions_of(text), described)


def _described(run: Run, result: Measured) -> list[AccuracyResult]:
    """Return answers of accuracy on the same data, those of the same model first."""
    if isinstance(result, AccuracyResult):
        return []
    data = data_of(run.config)
    runs = [one for one in stored.runs("accuracy", only_done=True) if data_of(one.config) == data]
    runs.sort(key=lambda one: one.config.model != run.config.model)
    found = []
    for one in runs[:MOST_DESCRIBED]:
        try:
            found.append(answer(one))
        except UsableError:  # its files are gone; another may do
            continue
    return found
