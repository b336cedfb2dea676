"""Explanation quality over a data set: figures, all numbers, and the worst-explained examples."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import Found
from dashboard.components.shared.behind import behind
from dashboard.components.shared.explain_button import explain_button
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.once import once
from dashboard.components.shared.pictures import png_of, with_map
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.metrics import METRICS
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.plots.explanation import quality, quality_places
from usable_core.runs.run import Run

WORST = 4  # examples of each backbone at first sight
WIDTH = 320  # px, the least width of a map


def quality_figure(found: Found, names: Sequence[str]) -> None:
    """Show one figure of quality of every method and backbone with its interval."""
    results = [result for _, result in found]
    known = list(dict.fromkeys(n.metric for result in results for n in result.numbers()))
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


def worst_section(found: Found, names: Sequence[str]) -> None:
    """Show the worst-explained examples of each backbone: picture, map, and the reason."""
    st.subheader("Worst explained", help="The examples whose maps are the least to be trusted.")
    for column, (run, result), name in zip(st.columns(len(found)), found, names, strict=True):
        with column:
            if len(found) > 1:
                st.markdown(f"**{escaped(name)}**")
            in_a_row = WORST if len(found) == 1 else 2 if len(found) == 2 else 1
            with st.container(key=f"tiles_worst_{run.id}"):
                _examples(run, result, result.worst(WORST), in_a_row)


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
        _examples(run, result, rows, WORST)


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
    about = f"{EXPLAINERS[method].title} for {target}" + (f", which is {true}" if true else "")
    pair = _picture(str(state.store().folder(run.id)), index, method)
    if pair is not None:
        picture, blended = pair
        st.image(blended, width="stretch", alt=about)
        st.caption(f"{escaped(about)}  \n{escaped(_reason(row))}")
        explain_button(
            picture,
            "Explain it",
            {state.MODELS: [run.config.model.reference], state.EXPLAIN_METHODS: [method]}
            | ({state.EXPLAIN_TRUE: true} if true else {}),
            name=f"{result.provenance.dataset} {index}",
            key=f"worst_{run.id}_{index}_{method}",
        )
    else:
        st.caption(escaped(f"{about}. {_reason(row)} This run kept no picture of it."))


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
