"""The validation examples with the largest losses after a training, each a way to Explain."""

from dataclasses import asdict
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import memory, state
from dashboard.components.shared.formats import escaped, percent
from dashboard.components.shared.lane import Asked
from dashboard.components.shared.reading import Answers, read
from dashboard.components.shared.text_list import shown
from dashboard.components.shared.tiles import Tile, called, count_key, more_button, tiles
from usable_core import tasks
from usable_core.catalog.fitting import is_at_hand
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.runs.run import Run

TILES, TEXTS = 12, 6  # at first sight


def worst_section(run: Run) -> None:
    """Show what the model of a training is most wrong about."""
    st.subheader("Worst in validation")
    dataset = run.config.dataset.reference
    if not is_at_hand(dataset):
        st.caption("The data are not on this machine any more.")
        return
    model = ModelSpec(run.reference)
    question = ImageRequest("worst", model, training=tasks.placed(run.config))
    answers: Answers = {}

    def note(found: Answers) -> None:
        nonlocal answers
        answers = found

    read([question], note, waiting="Asking the model about its validation …", failed="Not told")
    asked: Asked | None = answers.get(question)
    if asked is None or not asked.answer.worst:
        return
    st.caption(
        "The largest losses among the examples that were held out from training, the worst first: "
        "wrong labels, rare views, and what the classes have in common."
    )
    rows = pd.DataFrame([asdict(one) for one in asked.answer.worst])
    if (rows["text"] != "").any():
        _texts(rows, run.reference)
    else:
        request = ImageRequest("examples", model, dataset=dataset)
        tiles(rows, _tile, request, key=f"worst_{run.id}", most=TILES)


def _tile(row: dict[Any, Any]) -> Tile:
    more = f"{percent(row['confidence'])}, loss {row['loss']:.2f}"
    return called(row["id"], row["true"], row["prediction"], more)


def _texts(rows: pd.DataFrame, reference: str) -> None:
    key = f"worst_{reference}"
    count = st.session_state.get(count_key(key), TEXTS)
    for number, row in enumerate(rows.head(count).to_dict("records")):
        with st.container(border=True, gap="xsmall"):
            st.caption(_tile(row).caption)
            st.markdown(escaped(shown(row["text"])))
            if st.button(
                "Explain",
                key=f"{key}_{number}",
                type="tertiary",
                icon=":material/search_insights:",
            ):
                memory.give({state.EXPLAIN_TEXT: row["text"]})
                state.restore(state.TEXT_MODELS, [reference])
                asked = {state.EXPLAIN_KIND: "text"}
                st.switch_page(state.page_file("explain"), query_params=asked)
    more_button(len(rows) - count, key, count, TEXTS)
