"""Explanation quality over a data set: figures, all numbers, and the worst-explained examples."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import memory, state, stored
from dashboard.components.measure.measured_runs import Found
from dashboard.components.shared.behind import behind
from dashboard.components.shared.explain_button import explain_button
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.once import once
from dashboard.components.shared.pictures import png_of, with_map
from dashboard.components.shared.text_list import shown
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.metrics import METRICS
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.plots.explanation import quality, quality_places
from usable_core.plots.words import chips_html
from usable_core.runs.run import Run

WORST = 4  # examples of each backbone at first sight
NO_DOUBT = "Nothing that was measured speaks against a map."
WIDTH = 320  # px, the least width of a map


def quality_figure(found: Found, names: Sequence[str]) -> None:
    """Show one figure of quality of every method and backbone with its interval."""
    results = [result for _, result in found]
    known = once(_metrics, results)
    metric = st.segmented_control(
        "Figure",
        known,
        default=known[0],
        format_func=lambda m: METRICS[m].title,
        required=True,
        key=state.EXPLANATION_METRIC,
        label_visibility="collapsed",
        wrap=True,
    )
    shown = metric if metric in known else known[0]
    st.caption(METRICS[shown].help)
    behind(
        once(quality, results, shown, METRICS[shown].title, names=names, theme=state.theme()),
        once(quality_places, results, names=names),
        partial(_worst_behind, found, names),
        key="quality",
        alt=f"{METRICS[shown].title} of each method and backbone",
        otherwise=partial(worst_section, found, names),
    )


def _metrics(results: Sequence[ExplanationResult]) -> list[str]:
    return list(dict.fromkeys(n.metric for result in results for n in result.numbers()))


def worst_section(found: Found, names: Sequence[str]) -> None:
    """Show the worst-explained examples of each backbone: example, map, and the reason."""
    st.subheader("Worst explained", help="The examples whose maps are the least to be trusted.")
    in_a_row = WORST if len(found) == 1 else 2 if len(found) == 2 else 1
    if any(result.kind == "text" for _, result in found):
        in_a_row = 1  # lines are read
    worst = [_doubtful(result.worst(WORST)) for _, result in found]
    for start in range(0, max(1, *map(len, worst)), in_a_row):  # rows of all of them, in line
        row = zip(st.columns(len(found)), found, names, worst, strict=True)
        for column, (run, result), name, rows in row:
            with column:
                _part(run, result, name if len(found) > 1 else "", rows, (start, in_a_row))


def _doubtful(worst: pd.DataFrame) -> pd.DataFrame:
    return worst[worst["doubts"] > 0]


def _part(
    run: Run, result: ExplanationResult, name: str, rows: pd.DataFrame, at: tuple[int, int]
) -> None:
    """Show some of a backbone's worst maps: those from a place on, so many in a row."""
    start, in_a_row = at
    part = rows.iloc[start : start + in_a_row]
    if name and (len(part) or not start):
        st.markdown(f"**{escaped(name)}**")
    if rows.empty and not start:
        st.caption(NO_DOUBT)
    with st.container(key=f"tiles_worst_{run.id}_{start}"):
        _examples(run, result, part, in_a_row)


def _worst_behind(found: Found, names: Sequence[str], place: str) -> None:
    """Show the worst maps of one method and backbone; `place` is as in the figure."""
    number, method = place.split()
    run, result = found[int(number)]
    rows = result.worst(2 * WORST, method)
    st.caption(
        f"The {len(rows)} maps by {escaped(EXPLAINERS[method].title)} of "
        f"{escaped(names[int(number)])} that are the least to be trusted, of {result.n:,}."
    )
    with st.container(key=f"tiles_worst_{run.id}"):
        _examples(run, result, rows, 1 if result.kind == "text" else WORST)


def _examples(run: Run, result: ExplanationResult, rows: pd.DataFrame, in_a_row: int) -> None:
    for place, row in enumerate(rows.to_dict("records")):
        if place % in_a_row == 0:  # row by row, so that a narrow screen keeps the order
            cells = st.columns(in_a_row)
        with cells[place % in_a_row]:
            _example(run, result, row)


def _example(run: Run, result: ExplanationResult, row: Mapping[str, object]) -> None:
    index, method = int(str(row["index"])), str(row["method"])
    names = result.provenance.class_names
    label, target = int(str(row["label"])), names[int(str(row["target"]))]
    true = names[label] if label >= 0 else None
    by = EXPLAINERS[method].title
    words = f"{by}, for *{escaped(target)}*"  # the class that was explained
    if true is not None:
        words = f"**{escaped(true)}** · {by if true == target else words}"
    if result.kind == "text":
        _text(run, row, words)
        return
    pair = _picture(str(stored.store().folder(run.id)), index, method)
    if pair is not None:
        picture, blended = pair
        st.image(blended, width="stretch", alt=f"{true or 'A picture'}, with {by} for {target}")
        explain_button(
            picture,
            "Explain it",
            {state.MODELS: [run.config.model.reference], state.EXPLAIN_METHODS: [method]}
            | ({state.EXPLAIN_TRUE: true} if true else {}),
            name=f"{result.provenance.dataset} {index}",
            key=f"worst_{run.id}_{index}_{method}",
        )
        st.caption(f"{words}  \n{escaped(_reason(row))}")
    else:
        st.caption(f"{words}  \n{escaped(_reason(row))} This run kept no picture of it.")


def _text(run: Run, row: Mapping[str, object], words: str) -> None:
    """Show a text with its words coloured, and what speaks against that."""
    index, method = int(str(row["index"])), str(row["method"])
    chips = _chips(str(stored.store().folder(run.id)), index, method)
    if chips is None:
        st.markdown(escaped(shown(str(row["text"]))))
    else:
        st.html(chips)
    st.caption(f"{words}  \n{escaped(_reason(row))}")
    if st.button(
        "Explain it",
        key=f"worst_{run.id}_{index}_{method}",
        type="tertiary",
        icon=":material/search_insights:",
    ):
        memory.give({state.EXPLAIN_TEXT: str(row["text"])})
        state.restore(state.TEXT_MODELS, [run.config.model.reference])
        asked = {state.EXPLAIN_KIND: "text", state.EXPLAIN_TEXT_METHODS: [method]}
        st.switch_page(state.page_file("explain"), query_params=asked)


@st.cache_data(max_entries=64, show_spinner=False)
def _chips(folder: str, index: int, method: str) -> str | None:
    """Return a text as HTML with its words coloured; None where its map was not kept."""
    try:
        with np.load(Path(folder) / "maps.npz") as maps:
            spans = tuple((int(low), int(high)) for low, high in maps[f"{index}_spans"])
            text, values = str(maps[f"{index}_text"]), maps[f"{index}_{method}"]
    except (OSError, KeyError):
        return None
    return chips_html(Explanation(method=method, text=text, spans=spans, values=values))


def _reason(row: Mapping[str, object]) -> str:
    text = str(row["reason"])
    return f"{text[:1].upper()}{text[1:]}."


@st.cache_data(max_entries=64, show_spinner=False)
def _picture(folder: str, index: int, method: str) -> tuple[bytes, bytes] | None:
    """Return an example's PNG, and the same with its map over it; None where none was kept."""
    try:
        png = (Path(folder) / "images" / f"{index}.png").read_bytes()
        with np.load(Path(folder) / "maps.npz") as maps:
            values = maps[f"{index}_{method}"]
    except (OSError, KeyError):
        return None
    return png, png_of(with_map(png, values, WIDTH))
