"""Pictures behind the numbers of an accuracy: wrong answers, the surest first, of what is asked."""

import html
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.formats import escaped, percent
from dashboard.components.shared.metrics import clicked_point
from dashboard.components.shared.text_list import texts
from dashboard.components.shared.tiles import Tile, called, pictures_of, tiles
from usable_core.evaluations.accuracy import WRONG_FOLDER, AccuracyResult
from usable_core.runs.run import Run
from usable_core.verdicts.slices import Slice

TAB = "Wrong, and sure of it"  # the section's title
ANY = "any"
WHOLE = (0.0, 100.0)  # %
MOST = {1: 12, 2: 6}  # tiles of one model, by the number of models
Found = Sequence[tuple[Run, AccuracyResult]]


def choose_class() -> None:
    """Show the errors of the clicked class."""
    point = clicked_point(state.ACCURACY_RECALL)
    if point is not None:
        _choose(html.unescape(str(point["x"])), ANY)


def choose_bin() -> None:
    """Show the errors in the clicked bin of confidence."""
    point = clicked_point(state.ACCURACY_BINS)
    if point is not None and len(point["customdata"]) > 1:
        _, low, high = point["customdata"]
        _choose(ANY, ANY, (round(100 * low, 1), round(100 * high, 1)))


def choose_slice(one: Slice | None) -> None:
    """Show the errors in a slice, of all classes; None leaves it."""
    _choose(ANY, ANY)
    st.session_state[state.ACCURACY_SLICE] = one


def _choose(true: str, called: str, sure: tuple[float, float] = WHOLE) -> None:
    st.session_state[state.ACCURACY_TAB] = TAB
    st.session_state[state.ACCURACY_TRUE] = true
    st.session_state[state.ACCURACY_CALLED] = called
    st.session_state[state.ACCURACY_SURE] = sure
    st.session_state[state.ACCURACY_SLICE] = None
    words = f"{true} called {called}" if sure == WHOLE else f"{sure[0]:.0f} to {sure[1]:.0f} % sure"
    st.toast(f"Errors shown: {escaped(words)}", icon=":material/imagesmode:")


def wrong_section(found: Found, names: Sequence[str]) -> None:
    """Show wrong answers as tiles, and ask which."""
    st.caption(
        "The errors with the largest confidence. A click on a class, on a bin of confidence or on "
        "a cell of the confusion matrix chooses among them."
    )
    _filters(found)
    _slice()
    for column, (run, result), name in zip(st.columns(len(found)), found, names, strict=True):
        with column:
            if len(found) > 1:
                st.markdown(f"**{escaped(name)}**")
            _tiles(run, result, MOST.get(len(found), 4))


def _filters(found: Found) -> None:
    true, called = set[str](), set[str]()
    for _, result in found:
        names, wrong = result.provenance.class_names, result.wrong()
        true |= {names[index] for index in wrong["label"].unique()}
        called |= {names[index] for index in wrong["prediction"].unique()}
    one, two, three = st.columns(3)
    with one:
        _select("True class", true, state.ACCURACY_TRUE)
    with two:
        _select("Called", called, state.ACCURACY_CALLED)
    st.session_state.setdefault(state.ACCURACY_SURE, WHOLE)
    three.slider("Confidence, %", *WHOLE, step=0.1, format="%g", key=state.ACCURACY_SURE)


def _slice() -> None:
    """Say which slice is shown, where one is, and offer to leave it."""
    chosen: Slice | None = st.session_state.get(state.ACCURACY_SLICE)
    if chosen is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Only where **{escaped(chosen.text)}**")
            st.button("All examples", key="leave_slice", on_click=choose_slice, args=(None,))


def _select(label: str, names: set[str], key: str) -> None:
    options = [ANY, *sorted({*names, st.session_state.get(key, ANY)} - {ANY})]
    st.selectbox(label, options, key=key)


def cell_errors(run: Run, result: AccuracyResult, place: str) -> None:
    """Show the errors of a cell of the confusion matrix, as `plots.accuracy.place_of` names it."""
    label, prediction = map(int, place.split())
    wrong = result.wrong()
    wrong = wrong[(wrong["label"] == label) & (wrong["prediction"] == prediction)]
    wrong_tiles(run, result, wrong, key=f"cell_{run.id}_{place}")


def wrong_tiles(
    run: Run, result: AccuracyResult, rows: pd.DataFrame, *, key: str, most: int = MOST[1]
) -> None:
    """Show records of an accuracy as texts, or as pictures that the run kept or the data have."""
    folder, names = stored.store().folder(run.id) / WRONG_FOLDER, result.provenance.class_names

    def tile(row: dict[Any, Any]) -> Tile:
        more = percent(row["confidence"])
        one = called(row["id"], names[row["label"]], names[row["prediction"]], more)
        return replace(one, file=_kept(folder / f"{row['index']}.png"))

    if result.kind == "text":
        texts(rows, tile, key=key)
    else:
        tiles(rows, tile, pictures_of(run.config), key=key, most=most)


def _kept(file: Path) -> Path | None:
    return file if file.is_file() else None


def _tiles(run: Run, result: AccuracyResult, most: int) -> None:
    low, high = st.session_state[state.ACCURACY_SURE]
    wrong = result.wrong(confidence=(low / 100, high / 100))
    names = result.provenance.class_names
    for column, key in (("label", state.ACCURACY_TRUE), ("prediction", state.ACCURACY_CALLED)):
        if st.session_state[key] != ANY:
            wrong = wrong.loc[[names[i] == st.session_state[key] for i in wrong[column]]]
    if (chosen := st.session_state.get(state.ACCURACY_SLICE)) is not None:
        is_in = pd.Series(chosen.members(result), index=result.records.index)
        wrong = wrong[is_in[wrong.index]]
    st.caption(f"{len(wrong):,} of {result.n:,} {result.examples}.")
    if not len(wrong):
        st.caption("None of these answers is wrong.")
    wrong_tiles(run, result, wrong, key=f"wrong_{run.id}", most=most)
