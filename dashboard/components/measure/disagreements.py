"""The images that tell models apart: right for some, wrong for others, and a way to Explain."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared import lane
from dashboard.components.shared.explain_button import explain_button
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shared.pictures import enlarged_png
from usable_core.comparison import Comparison
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.result import Condition
from usable_core.jobs import interactive

MOST = 8  # pictures at first sight
PER_ROW = 4
MODELS_ON_EXPLAIN = 4
POLL = 1.0  # s


def disagreements(kind: str, found: Comparison, condition: Condition | None) -> None:
    """Show some of the examples on which the models disagree, those first that divide them most."""
    rows = found.disagreements_under(condition)
    st.markdown("**Images that tell the models apart**")
    if rows.empty:
        st.caption("On every image all are right, or all are wrong.")
        return
    images = "image is" if len(rows) == 1 else "images are"
    st.caption(f"{len(rows):,} {images} right for some and wrong for others.")
    shown = dividing(rows, found.names)
    with errors_shown():
        question = request(found, shown["id"])
        is_open = not lane.ask_one(question).is_over

        @st.fragment(run_every=POLL if is_open else None)
        def watch() -> None:
            asked = lane.ask_one(question)
            if not asked.is_over:
                st.caption(":material/hourglass: Reading the pictures …")
            elif is_open:
                st.rerun()  # stops the timer
            elif asked.answer.state == "failed":
                st.caption(escaped(f"No pictures: {asked.answer.error}"))
            else:
                _tiles(kind, found, shown, asked.key)

        watch()


def request(found: Comparison, ids: Sequence[str]) -> ImageRequest:
    """Return the question for pictures of the data set that was measured."""
    config = found.results[0].config
    return ImageRequest(
        "examples", config.model, dataset=config.dataset.reference, examples=tuple(ids)
    )


def dividing(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the rows whose models are divided most evenly, each picture once."""
    share = rows[list(names)].to_numpy(dtype=float).mean(axis=1)
    order = np.argsort(np.abs(share - 0.5), kind="stable")
    return rows.iloc[order].drop_duplicates("id").head(MOST)


def _tiles(kind: str, found: Comparison, rows: pd.DataFrame, key: str) -> None:
    cells = []
    for place, row in enumerate(rows.to_dict("records")):
        if place % PER_ROW == 0:
            cells = st.columns(PER_ROW)
        with cells[place % PER_ROW]:
            _tile(kind, found, row, key)


def _tile(kind: str, found: Comparison, row: dict[str, Any], key: str) -> None:
    file = interactive.files(key) / f"{row['id']}.png"
    sides = [
        (words, [found.called(name) for name in found.names if bool(row[name]) is is_right])
        for words, is_right in (("right", True), ("wrong", False))
    ]
    lines = [str(row["label"]), *(f"{word}: {' / '.join(who)}" for word, who in sides)]
    about = ", ".join(lines)
    if not file.is_file():
        st.caption(escaped(f"{about}. The data set no longer has this picture."))
        return
    picture = file.read_bytes()
    st.image(enlarged_png(picture), width="stretch", alt=about)
    st.caption("  \n".join(map(escaped, lines)))
    models = [result.config.model.reference for result in found.results][:MODELS_ON_EXPLAIN]
    explain_button(
        picture,
        "Explain",
        {state.MODELS: list(dict.fromkeys(models)), state.EXPLAIN_TRUE: str(row["label"])},
        name=f"{row['label']} {row['index']}",
        key=f"apart_{kind}_{row['id']}",
    )
