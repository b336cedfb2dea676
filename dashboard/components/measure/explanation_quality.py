"""Explanation quality over a data set: figures, all numbers, and the worst-explained examples."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import Found
from dashboard.components.shared.explain_button import explain_button
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.metrics import figure
from dashboard.components.shared.once import once
from usable_core import images
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.metrics import METRICS
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.plots import heatmap
from usable_core.plots.explanation import quality
from usable_core.runs.run import Run

WORST = 4  # examples of each backbone at first sight


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
    title, theme = METRICS[shown].title, state.theme()
    plot = once(quality, results, shown, title, names=names, theme=theme)
    figure(plot, key="quality", alt=f"{METRICS[shown].title} of each method and backbone")


def worst_section(found: Found, names: Sequence[str]) -> None:
    """Show the worst-explained examples of each backbone: picture, map, and the reason."""
    st.subheader("Worst explained", help="The examples whose maps are the least to be trusted.")
    for column, (run, result), name in zip(st.columns(len(found)), found, names, strict=True):
        with column:
            if len(found) > 1:
                st.markdown(f"**{escaped(name)}**")
            rows = result.worst(WORST).to_dict("records")
            with st.container(key=f"tiles_worst_{run.id}"):
                cells = st.columns(WORST if len(found) == 1 else 2 if len(found) == 2 else 1)
            for place, row in enumerate(rows):
                with cells[place % len(cells)]:
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
    picture = np.asarray(images.decode(png, "picture"))
    blended = heatmap.blend(picture, values, heatmap.colour_limit(values), 0.8)
    times = max(1, -(-320 // blended.shape[1]))  # small pictures with square pixels
    return png, images.encode_png(np.kron(blended, np.ones((times, times, 1), np.uint8)))
