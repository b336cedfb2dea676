"""Pictures behind the numbers of an accuracy: wrong answers, the surest first, of what is asked."""

import html
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared.explain_button import explain_button
from dashboard.components.shared.formats import escaped, percent
from dashboard.components.shared.metrics import clicked_point
from dashboard.components.shared.pictures import enlarged_png
from usable_core.evaluations.accuracy import WRONG_FOLDER, AccuracyResult
from usable_core.runs.run import Run
from usable_core.verdicts.slices import Slice

TAB = "Wrong, and sure of it"  # the section's title
ANY = "any"
WHOLE = (0.0, 100.0)  # %
MOST = {1: 12, 2: 6}  # tiles of one model, by the number of models
SIDE = 112  # px, the width of a tile
Found = Sequence[tuple[Run, AccuracyResult]]


def choose_cell(class_names: Sequence[str]) -> None:
    """Show the errors of the clicked cell of a confusion matrix."""
    point = clicked_point(state.ACCURACY_CELLS)
    if point is not None:
        true, called = (class_names[int(index)] for index in point["customdata"][:2])
        _choose(true, called)


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
            st.button("All images", key="leave_slice", on_click=choose_slice, args=(None,))


def _select(label: str, names: set[str], key: str) -> None:
    options = [ANY, *sorted({*names, st.session_state.get(key, ANY)} - {ANY})]
    st.selectbox(label, options, key=key)


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
    folder = state.store().folder(run.id) / WRONG_FOLDER
    kept = wrong.loc[[(folder / f"{index}.png").is_file() for index in wrong["index"]]].head(most)
    st.caption(f"{len(wrong):,} of {result.n:,} images, {len(kept)} shown.")
    if not len(wrong):
        st.caption("None of these answers is wrong.")
    elif not len(kept):
        st.caption(
            "No pictures of these were kept: a run keeps at most 200 errors, and one of an earlier "
            "version none. Delete it and measure again."
        )
    with st.container(horizontal=True):
        for row in kept.to_dict("records"):
            _tile(run, names, row, (folder / f"{row['index']}.png").read_bytes())


def _tile(run: Run, names: Sequence[str], row: Mapping[str, object], png: bytes) -> None:
    true, called = names[int(str(row["label"]))], names[int(str(row["prediction"]))]
    sure = percent(float(str(row["confidence"])))
    with st.container(width=SIDE):
        st.image(
            enlarged_png(png, SIDE),
            width="stretch",
            output_format="PNG",
            alt=f"{true}, called {called}",
        )
        st.caption(f"**{escaped(true)}**, called *{escaped(called)}* · {sure}")
        explain_button(
            png,
            "Explain",
            {state.MODELS: [run.config.model.reference], state.EXPLAIN_TRUE: true},
            name=f"{true}, called {called}",
            key=f"wrong_{run.id}_{row['index']}",
        )
