"""All maps: their common colour scales, and what the report says of them."""

from collections.abc import Iterator, Mapping

import streamlit as st

from dashboard.components.explain.gathered import Gathered
from dashboard.components.explain.map_facts import numbers, warnings
from dashboard.components.explain.map_view import still
from dashboard.components.explain.overlay import MapView, superpixel_table
from dashboard.components.explain.questions import Cell, Questions, title_of
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.lane import Asked
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.plots import heatmap
from usable_core.reports.page import Card, Row, Section, Table, Text


def sections(gathered: Gathered) -> Iterator[Section]:
    """Yield the maps of each method for the report."""
    limit_of = limits(gathered.questions, gathered.maps)
    for method in gathered.questions.methods:
        row = EXPLAINERS[method]
        cards = [
            _card(gathered.questions, cell, view, limit_of[cell])
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


def limits(questions: Questions, maps: Mapping[Cell, MapView]) -> dict[Cell, float]:
    """Return each map's magnitude of full colour, one scale for a method's maps."""
    found_at: dict[Cell, float] = {}
    for method in questions.methods:
        found = {c: m.values for c, m in maps.items() if c[1] == method}
        is_per_pixel = not EXPLAINERS[method].uses_superpixels
        of_method = heatmap.shared_limits(list(found.values()), is_per_pixel=is_per_pixel)
        found_at |= dict(zip(found, of_method, strict=True))
    return found_at


def different_classes(shown: Mapping[Cell, Asked]) -> None:
    """Say that maps of different classes are no comparison of backbones."""
    targets = sorted({a.explanation.target for a in shown.values() if a.explanation.target})
    if len(targets) > 1:
        st.info(
            f"These maps explain different classes ({escaped(', '.join(targets))}). Choose one "
            "under *Class to explain* to compare the backbones on the same question.",
            icon=":material/info:",
        )
