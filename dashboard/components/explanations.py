"""Showing what backbones say about one image: rows are predictions and methods, columns backbones.

A fragment asks for news every second and stops when everything is over.
"""

from collections.abc import Mapping

import streamlit as st

from dashboard import state
from dashboard.components import lane
from dashboard.components.lane import Asked, Cell
from dashboard.components.map_view import downloads, files_of, show_map
from dashboard.components.overlay import HeatmapFiles, controls
from dashboard.components.results import escaped, percent
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.plots import heatmap

POLL = "1s"


def show_explanations(
    requests: Mapping[Cell, ImageRequest], titles: Mapping[ModelSpec, str]
) -> None:
    """Ask what was not asked yet, and show all answers until they are final.

    Args:
        requests: What is wanted, predictions first; all about one image.
        titles: What each backbone is called, in the order of the columns.
    """
    keys = lane.ask(requests)
    is_over = all(asked.is_over for asked in lane.news(requests, keys).values())
    is_live = not (is_over or lane.is_stopped())

    @st.fragment(run_every=POLL if is_live else None)
    def watch() -> None:
        if lane.is_outdated(requests, keys):
            st.rerun()
        asked = lane.news(requests, keys)
        _progress(asked)
        _predictions_row(asked, titles)
        _maps(asked, titles)
        is_ended = lane.is_stopped() or all(a.is_over for a in asked.values())
        if _learn_classes(asked) or (is_live and is_ended):
            st.rerun()  # the whole page once: new classes to choose from, or the timer's end

    watch()


def _progress(asked: Mapping[Cell, Asked]) -> None:
    """Show how far all of it is, and the way to end it or to begin again."""
    over = sum(a.is_over for a in asked.values())
    if not lane.is_stopped() and over == len(asked):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if lane.is_stopped():
            st.info("Stopped. What came before that is below.", icon=":material/stop_circle:")
            rest = [a.request for a in asked.values() if a.answer.state != "done"]
            st.button("Explain again", key="explain_again", on_click=lane.ask_again, args=(rest,))
        else:
            st.progress(over / len(asked), text=f"{over} of {len(asked)} answers are complete")
            keys = [a.key for a in asked.values()]
            st.button("Stop", key="explain_stop", on_click=lane.stop, args=(keys,))


def _learn_classes(asked: Mapping[Cell, Asked]) -> bool:
    """Remember the predicted classes for the target selector; tell whether they are new."""
    predicting = [a for (_, method), a in asked.items() if method is None]
    names = [p.name for a in predicting for p in a.answer.predictions]
    found = list(dict.fromkeys(names))
    if not found or not all(a.is_over for a in predicting):
        return False
    is_new = found != st.session_state.get(state.EXPLAIN_CLASSES)
    st.session_state[state.EXPLAIN_CLASSES] = found
    return is_new


def _predictions_row(asked: Mapping[Cell, Asked], titles: Mapping[ModelSpec, str]) -> None:
    st.subheader("Predictions")
    for spec, column in _columns(titles):
        if (spec, None) not in asked:
            continue
        with column:
            for prediction in asked[spec, None].answer.predictions:
                share = min(max(prediction.probability, 0.0), 1.0)
                st.progress(share, text=f"{escaped(prediction.name)} · {percent(share)}")
            _state((spec, None), asked)


def _maps(asked: Mapping[Cell, Asked], titles: Mapping[ModelSpec, str]) -> None:
    methods = list(dict.fromkeys(method for _, method in asked if method))
    if not methods:
        return
    controls("explain_controls")
    targets = sorted({a.answer.target for a in asked.values() if a.answer.target})
    if len(targets) > 1:
        st.info(
            f"These maps explain different classes ({escaped(', '.join(targets))}). Choose one "
            "under *Class to explain* to compare the backbones on the same question.",
            icon=":material/info:",
        )
    for method in methods:
        row = EXPLAINERS[method]
        st.subheader(row.title, help=f"{row.help} {row.paper}.")
        cells = {spec: (spec, method) for spec in titles if (spec, method) in asked}
        maps = {spec: files_of(asked[cell]) for spec, cell in cells.items()}
        found = {spec: files.values for spec, files in maps.items() if files is not None}
        limits = heatmap.shared_limits(list(found.values()), is_per_pixel=not row.uses_superpixels)
        shared = dict(zip(found, limits, strict=True))
        for spec, column in _columns(titles):
            if spec in cells:
                with column:
                    _map_cell(cells[spec], asked, maps[spec], shared.get(spec, 0.0))


def _columns(titles: Mapping[ModelSpec, str]) -> list[tuple[ModelSpec, object]]:
    columns = st.columns(len(titles), border=True)
    for column, title in zip(columns, titles.values(), strict=True):
        column.markdown(f"**{escaped(title)}**")
    return list(zip(titles, columns, strict=True))


def _map_cell(
    cell: Cell, asked: Mapping[Cell, Asked], files: HeatmapFiles | None, shared: float
) -> None:
    spec, method = cell
    name = f"{spec.reference}_{method}"
    if files is not None:
        show_map(name, f"{method} map of {spec.reference}", asked[cell].answer, files, shared)
    _state(cell, asked)
    if files is not None:
        downloads(name, files, shared)


def _state(cell: Cell, asked: Mapping[Cell, Asked]) -> None:
    """Show how far one answer is, or how it ended and what to do; a reason only once."""
    answer, (spec, method) = asked[cell].answer, cell
    what = "map" if method else "prediction"
    if answer.state == "waiting":
        st.caption(f"The {what} waits for its turn.")
    elif answer.state in ("working", "coarse"):
        verb = "Coarse map, refining" if answer.state == "coarse" else f"Making the {what}"
        count = f" {answer.done}/{answer.total}" if answer.total else ""
        st.progress(
            min(answer.done / answer.total, 1.0) if answer.total else 0.0, text=verb + count
        )
    elif answer.state == "failed":
        first = asked.get((spec, None))
        if asked[cell].is_cancelled:
            st.info(f"Stopped before the {what} was complete.", icon=":material/stop_circle:")
        elif method and first and first.answer.error == answer.error:
            st.caption("No map, for the reason given under Predictions.")
            return
        else:
            st.error(
                escaped(answer.error or f"The {what} failed without a reason."),
                icon=":material/warning:",
            )
        again = [
            a.request for (s, _), a in asked.items() if s == spec and a.answer.state == "failed"
        ]
        key = f"again_{spec.reference}_{method}"
        st.button("Try again", key=key, on_click=lane.ask_again, args=(again,))
    elif method:
        st.caption("Done.")
