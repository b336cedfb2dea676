"""The grid of maps: methods in rows and backbones in columns, or the other way round."""

from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from dashboard import state
from dashboard.components.explain.answer_state import show_state
from dashboard.components.explain.gathered import Gathered
from dashboard.components.explain.map_facts import numbers, warnings
from dashboard.components.explain.map_view import show_map, still
from dashboard.components.explain.overlay import MapView, controls, superpixel_table
from dashboard.components.explain.questions import Cell, Questions, title_of
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.lane import Asked
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.plots import heatmap
from usable_core.reports.page import Card, Row, Section, Table, Text

ROWS = {"methods": "Methods in rows", "backbones": "Backbones in rows"}
MOST_COLUMNS = 4


def show(gathered: Gathered) -> None:
    """Show every map, below the controls that all of them obey."""
    questions, board, maps = gathered.questions, gathered.board, gathered.maps
    if not questions.methods:
        return
    shown = questions.all_shown(board)
    _different_classes(shown)
    st.subheader("Why?")
    has_intervals = any(view.explanation.stability is not None for view in maps.values())
    is_shared = len(questions.titles) > 1
    controls("explain_controls", is_shared=is_shared, has_intervals=has_intervals)
    rows = st.segmented_control(
        "Layout",
        ROWS,
        default="methods",
        format_func=ROWS.get,
        required=True,
        key=state.EXPLAIN_ROWS,
        label_visibility="collapsed",
        persist_state="session",
    )
    limits = _limits(questions, maps)
    for heading, help, cells, titles in _lines(questions, rows):
        st.markdown(f"##### {escaped(heading)}", help=help)
        for start in range(0, len(cells), MOST_COLUMNS):
            width = min(len(cells), MOST_COLUMNS)
            part, names = cells[start : start + width], titles[start : start + width]
            columns = st.columns(width, border=True)
            for column, cell, name in zip(columns, part, names, strict=False):
                with column:
                    st.markdown(f"**{escaped(name)}**")
                    if cell in maps:
                        show_map(questions, cell, shown[cell], board, maps[cell], limits[cell])
                    if cell in shown:
                        show_state(shown[cell], board)


def sections(gathered: Gathered) -> Iterator[Section]:
    """Yield the maps of each method for the report."""
    limits = _limits(gathered.questions, gathered.maps)
    for method in gathered.questions.methods:
        row = EXPLAINERS[method]
        cards = [
            _card(gathered.questions, cell, view, limits[cell])
            for cell, view in gathered.maps.items()
            if cell[1] == method
        ]
        if cards:
            yield Section(row.title, (Text(f"{row.help} {row.paper}"), Row(tuple(cards))))


def _card(questions: Questions, cell: Cell, view: MapView, limit: float) -> Card:
    table = superpixel_table(view)
    rows = tuple(tuple(row) for row in table.itertuples(index=False))
    blocks = (
        still(view, title_of(questions, *cell), limit),
        *(Text(sentence, is_warning=True) for sentence in warnings(view)),
        Table((), tuple(numbers(view.explanation, view.options).items())),
        Table(tuple(table.columns), rows, f"{len(table)} superpixels"),
    )
    return Card(questions.titles[cell[0]], blocks)


def _limits(questions: Questions, maps: Mapping[Cell, MapView]) -> dict[Cell, float]:
    """Return each map's magnitude of full colour, one scale for a method's maps."""
    limits: dict[Cell, float] = {}
    for method in questions.methods:
        found = {c: m.values for c, m in maps.items() if c[1] == method}
        is_per_pixel = not EXPLAINERS[method].uses_superpixels
        of_method = heatmap.shared_limits(list(found.values()), is_per_pixel=is_per_pixel)
        limits |= dict(zip(found, of_method, strict=True))
    return limits


def _lines(
    questions: Questions, rows: str
) -> list[tuple[str, str | None, list[Cell], Sequence[str]]]:
    """Return heading, its tooltip, maps and their titles of each row."""
    models, methods = questions.titles, questions.methods
    if rows == "methods":
        help = {m: f"{EXPLAINERS[m].help} {EXPLAINERS[m].paper}." for m in methods}
        return [
            (EXPLAINERS[m].title, help[m], [(model, m) for model in models], list(models.values()))
            for m in methods
        ]
    titles = [EXPLAINERS[m].title for m in methods]
    return [(title, None, [(model, m) for m in methods], titles) for model, title in models.items()]


def _different_classes(shown: Mapping[Cell, Asked]) -> None:
    targets = sorted({a.explanation.target for a in shown.values() if a.explanation.target})
    if len(targets) > 1:
        st.info(
            f"These maps explain different classes ({escaped(', '.join(targets))}). Choose one "
            "under *Class to explain* to compare the backbones on the same question.",
            icon=":material/info:",
        )
