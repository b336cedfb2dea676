"""A few wrong answers with what the model looked at: the picture, and beside it a quick map."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.components.shared.formats import escaped
from dashboard.components.shared.pictures import png_of, with_map
from dashboard.components.shared.reading import Answers, read
from dashboard.components.shared.tiles import SIDE, Tile, called, explain_tile, pictures_of
from usable_core.attacked_images import enlarged, side_by_side
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.images import decode
from usable_core.jobs import interactive
from usable_core.runs.run import Run

MOST = 3
METHOD = "grad_cam"  # one pass; the worker takes another where a network has no such map


def wrong_with_maps(run: Run, result: AccuracyResult, rows: pd.DataFrame, *, key: str) -> None:
    """Show the first wrong answers, each with a map of the class that it is called.

    Args:
        run: The accuracy.
        result: Its answer.
        rows: Records of wrong answers, those first that are to be looked at first.
        key: Tells these pictures from others on the page.
    """
    first = rows.drop_duplicates("id").head(MOST)
    if first.empty:
        return
    request = replace(pictures_of(run.config), method=METHOD, examples=tuple(first["id"]))
    names, models = result.provenance.class_names, [run.config.model.reference]

    def show(answers: Answers) -> None:
        asked = answers[request]
        if asked.answer.state != "done":
            return
        method = EXPLAINERS[asked.explanation.method or METHOD].title
        folder = interactive.files(asked.key)
        with st.container(horizontal=True):
            for place, row in enumerate(first.to_dict("records")):
                if (folder / f"{row['id']}.npy").is_file():
                    with st.container(width=2 * SIDE):
                        one = called(row["id"], names[row["label"]], names[row["prediction"]])
                        about = f"{method} for {names[row['prediction']]}"
                        _pair(one, about, folder)
                        png = (folder / f"{one.id}.png").read_bytes()
                        explain_tile(png, one, models, key=f"{key}_{place}")
                        st.caption(f"{one.caption} · {escaped(about)}")

    read([request], show, waiting="Making the maps of the first …", failed="No maps")


def _pair(one: Tile, about: str, folder: Path) -> None:
    st.image(
        _with_its_map(str(folder), one.id),
        width="stretch",
        output_format="PNG",
        alt=f"{one.alt}, and {about}",
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _with_its_map(folder: str, identity: str) -> bytes:
    """Return a picture and the same with its map over it, side by side, PNG."""
    png = (Path(folder) / f"{identity}.png").read_bytes()
    values = np.load(Path(folder) / f"{identity}.npy")
    return png_of(
        side_by_side([enlarged(np.asarray(decode(png, "picture"))), with_map(png, values)])
    )
