"""Below the maps, one question at a time: why, to be trusted, under attack, in agreement?"""

from collections.abc import Callable

import streamlit as st

from dashboard.components.explain import agreement, drift, evidence, predictions
from dashboard.components.explain.gathered import Gathered
from dashboard.components.explain.hero import MOST_COLUMNS, Shown
from dashboard.components.explain.map_grid import limits
from dashboard.components.explain.map_view import show_figures
from dashboard.components.shared.formats import escaped

TAB = "explain_tab"


def show(gathered: Gathered, shown: Shown) -> None:
    """Show the tabs, of which only the open one is computed."""
    tabs = st.tabs(list(TABS), key=TAB, on_change="rerun")
    for tab, draw in zip(tabs, TABS.values(), strict=True):
        if tab.open:
            with tab:
                draw(gathered, shown)


def _why(gathered: Gathered, shown: Shown) -> None:
    predictions.show(gathered)
    if not shown.maps:
        return
    st.markdown("##### The maps above")
    questions, board, limit_of = (
        gathered.questions,
        gathered.board,
        limits(gathered.questions, gathered.maps),
    )
    for start in range(0, len(shown.maps), MOST_COLUMNS):
        row = slice(start, start + MOST_COLUMNS)
        columns = st.columns(min(len(shown.maps), MOST_COLUMNS), border=True)
        for column, cell, title in zip(columns, shown.maps[row], shown.titles[row], strict=False):
            asked = questions.shown(board, *cell)
            with column:
                st.markdown(f"**{escaped(title)}**")
                if asked is not None and cell in gathered.maps:
                    show_figures(questions, cell, asked, board, gathered.maps[cell], limit_of[cell])
                else:
                    st.caption("No map yet.")


def _trust(gathered: Gathered, _shown: Shown) -> None:
    if not gathered.questions.methods:
        st.caption("Without a method there is no map to trust.")
    evidence.show(gathered)


def _attack(gathered: Gathered, _shown: Shown) -> None:
    predictions.show_attacks(gathered)
    drift.show(gathered)


def _agreement(gathered: Gathered, _shown: Shown) -> None:
    agreement.show(gathered)


TABS: dict[str, Callable[[Gathered, Shown], None]] = {
    "Why": _why,
    "Trust": _trust,
    "Attack": _attack,
    "Agreement": _agreement,
}
