"""How far a map is to be trusted: asked on demand, for one map or for all."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.explain.answer_state import show_state
from dashboard.components.explain.evidence_words import curve_row, plain, sanity_words
from dashboard.components.explain.gathered import Gathered
from dashboard.components.explain.map_view import load, still
from dashboard.components.explain.overlay import MapView, heatmap_view
from dashboard.components.explain.questions import Cell, Questions, name_of, title_of, want_evidence
from dashboard.components.shared.formats import duration, escaped
from dashboard.components.shared.lane import Asked
from dashboard.components.shared.metrics import figure, frame
from usable_core.errors import StorageError
from usable_core.evaluations.evidence import Evidence, PerturbationCurve
from usable_core.plots import heatmap
from usable_core.plots.evidence import curve_title, perturbation
from usable_core.reports.page import Block, Card, Plot, Row, Section, Table, Text

HELP = (
    "Faithfulness: the picture is taken apart (or put together) superpixel by superpixel in the "
    "map's order; a map that found what matters beats random orders and the order from the "
    "picture's centre outwards. Sanity: a map that stays the same with random weights, or for "
    "another class, shows the picture and not the reason."
)
NOT_RANDOMISED = "The weights of this backbone cannot be randomised, so this was not checked."
_IN_A_ROW = 3


def show(gathered: Gathered) -> None:
    """Offer to measure, and show what was measured of the chosen map."""
    questions, board = gathered.questions, gathered.board
    cells = questions.cells()
    if not cells:
        return
    st.markdown("##### How far to trust it", help=HELP)
    titles = {name_of(*cell): title_of(questions, *cell) for cell in cells}
    by_name = {name_of(*cell): cell for cell in cells}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Map", list(titles), format_func=titles.get, key=state.EXPLAIN_EVIDENCE_OF
        )
        cell = by_name.get(chosen, cells[0])
        wanted = questions.evidence_wanted()
        rest = [other for other in cells if other not in wanted]
        if cell in rest:
            _button("Measure this map", "evidence_one", questions, [cell])
        if len(rest) > 1 or (rest and cell not in rest):
            _button(f"Measure all {len(cells)}", "evidence_all", questions, rest)
    asked = board.get(questions.evidence(*cell))
    if asked is None:
        st.caption("Not measured yet: it takes some hundred evaluations of the backbone for each.")
    else:
        show_state(asked, board)
        if asked.explanation.evidence is not None:
            _evidence(gathered, cell, asked, asked.explanation.evidence)
    _overview(gathered)


def sections(gathered: Gathered) -> Iterator[Section]:
    """Yield what was measured of every map for the report."""
    for cell, asked in gathered.evidence.items():
        if (found := asked.explanation.evidence) is not None:
            title = f"How far to trust {title_of(gathered.questions, *cell)}"
            yield Section(title, (*_curve_blocks(found), *_sanity_blocks(found, asked)))


def _curve_blocks(found: Evidence) -> Iterator[Block]:
    plots = ((curve_title(curve), perturbation(curve)) for curve in found.curves)
    yield Row(tuple(Card(title, (Plot(plot, title),)) for title, plot in plots))
    rows = _areas(found)
    yield Table(tuple(rows[0]) if rows else (), tuple(tuple(row.values()) for row in rows))


def _sanity_blocks(found: Evidence, asked: Asked) -> Iterator[Block]:
    if found.sanity is None:
        yield Text(NOT_RANDOMISED)
        return
    cards = []
    others = _others(found.sanity.other_target)
    for (title, name, _), words in zip(others, sanity_words(found.sanity), strict=True):
        view = _other_map(asked, name)
        pictures = () if view is None else (still(view, title),)
        cards.append(Card(title, (*pictures, Text(plain(words)))))
    yield Row(tuple(cards))


def _areas(found: Evidence) -> list[dict[str, float | str]]:
    return [{"curve": curve_title(curve), **curve_row(curve)} for curve in found.curves]


def _others(other_target: str) -> tuple[tuple[str, str, str], ...]:
    """Return title, name and meaning of the maps that a map is compared with."""
    return (
        ("Random weights", "randomised", "the same network, knowing nothing"),
        (f"For {other_target}", "other_class", "the next most probable class"),
    )


def _button(label: str, key: str, questions: Questions, cells: list[Cell]) -> None:
    wanted = [questions.map(*cell) for cell in cells]
    icon = ":material/verified:"
    st.button(label, key=key, on_click=want_evidence, args=(wanted,), icon=icon)


def _evidence(gathered: Gathered, cell: Cell, asked: Asked, found: Evidence) -> None:
    st.markdown("##### Faithfulness")
    for start in range(0, len(found.curves), _IN_A_ROW):
        columns = st.columns(_IN_A_ROW)
        for place, curve in enumerate(found.curves[start : start + _IN_A_ROW], start):
            with columns[place - start]:
                title, row = curve_title(curve), curve_row(curve)
                st.markdown(f"**{escaped(title)}**  \n{row['verdict']}")
                plot = perturbation(curve, theme=state.theme())
                alt = f"{title}: probability against share of pixels. {row['verdict']}"
                figure(plot, key=f"curve_{name_of(*cell)}_{place}", alt=alt)
    with st.expander("Areas under the curves"):
        frame(
            pd.DataFrame(_areas(found)),
            alt="Areas under the curves and the gain over random orders",
        )
        st.caption(
            "Gain: by how much the map's order beats the random one, as a share of the way between "
            "both ends; 0 is no better than chance for this very backbone."
        )
    _sanity(gathered, cell, asked, found)
    st.caption(f"{found.evaluations:,} evaluations, {duration(found.seconds)}")


def _sanity(gathered: Gathered, cell: Cell, asked: Asked, found: Evidence) -> None:
    st.markdown("##### Sanity")
    if found.sanity is None:
        st.caption(NOT_RANDOMISED)
        return
    mine = gathered.maps.get(cell)
    others = (
        ("This map", None, "for the explained class"),
        *_others(found.sanity.other_target),
    )
    words = ("", *sanity_words(found.sanity))
    for column, (title, name, what), text in zip(st.columns(3), others, words, strict=True):
        with column:
            st.markdown(f"**{escaped(title)}**")
            one = mine if name is None else _other_map(asked, name, mine.fine if mine else b"")
            if one is not None:
                alt = f"{title}, {what}: {heatmap.describe(one.values)}"
                heatmap_view(
                    f"sanity_{name_of(*cell)}_{name}", one, heatmap.colour_limit(one.values), alt
                )
            st.markdown(text or what.capitalize() + ".")


def _other_map(asked: Asked, name: str, fine: bytes = b"") -> MapView | None:
    """Return a map beside the evidence, over a finer picture; None where it could not be made."""
    try:
        explanation = load(asked)
    except StorageError:
        return None
    if name not in explanation.compared:
        return None
    other = replace(explanation, values=explanation.compared[name], stability=None)
    return replace(MapView.of(other, f"{asked.key} {name} {len(fine)}"), fine=fine)


def _short_title(curve: PerturbationCurve) -> str:
    return "ROAD" if curve.kind == "road" else f"{curve.kind.capitalize()}, {curve.background}"


def _overview(gathered: Gathered) -> None:
    """Show the figures of all measured maps in one table, one row each."""
    rows = []
    for cell, asked in gathered.evidence.items():
        if (found := asked.explanation.evidence) is None:
            continue
        gains = {_short_title(c): c.gain for c in found.curves}
        sanity = found.sanity
        rows.append(
            {
                "map": title_of(gathered.questions, *cell),
                **gains,
                "random weights": sanity.randomised if sanity else None,
                "other class": sanity.other_class if sanity else None,
            }
        )
    if len(rows) > 1:
        st.markdown("##### All measured maps")
        table = pd.DataFrame(rows)
        alt = "Gains and correlations of all measured maps"
        columns = dict.fromkeys(table.columns[1:], st.column_config.NumberColumn(format="%.2f"))
        st.dataframe(table, hide_index=True, alt=alt, column_config=columns)
        st.caption(
            "Deletion, insertion and ROAD: gains over random orders; higher is better, 0 is "
            "chance. Random weights, other class: correlations with those maps; near 0 is "
            "sound."
        )
