"""The first screen of the answers: the picture with the maps over it, side by side."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard import state
from dashboard.components.explain import predictions
from dashboard.components.explain.answer_state import show_state
from dashboard.components.explain.gathered import Gathered
from dashboard.components.explain.hero_picture import as_seen
from dashboard.components.explain.map_grid import different_classes, limits
from dashboard.components.explain.map_view import show_map
from dashboard.components.explain.overlay import controls
from dashboard.components.explain.questions import Cell, Questions, show_all
from dashboard.components.shared.formats import choose_one, escaped
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.specs import ModelSpec

METHODS, BACKBONES = "methods", "backbones"
SIDE_BY_SIDE = {BACKBONES: "Backbones", METHODS: "Methods"}
MOST_COLUMNS = 4
_OF = "explain_shown"


@dataclass(frozen=True)
class Shown:
    """Which maps stand side by side.

    Attributes:
        by: What differs from column to column, a key of `SIDE_BY_SIDE`.
        cells: The maps; those of no method are the picture alone.
        titles: What stands above each.
    """

    by: str
    cells: tuple[tuple[ModelSpec, str | None], ...]
    titles: tuple[str, ...]

    @property
    def maps(self) -> list[Cell]:
        """Return the cells that are maps."""
        return [(model, method) for model, method in self.cells if method is not None]


def choose_shown(questions: Questions) -> Shown:
    """Ask what stands side by side and return it: backbones by one method, or the other way."""
    titles, methods = questions.titles, questions.methods
    by = METHODS if len(titles) == 1 and methods else BACKBONES
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if len(titles) > 1 and len(methods) > 1:
            by = choose_one(
                "Side by side",
                SIDE_BY_SIDE,
                key=state.EXPLAIN_ROWS,
                default=BACKBONES,
                is_labelled=False,
            )
        names = {m: EXPLAINERS[m].title for m in methods}
        if by == BACKBONES and len(methods) > 1:
            _forget(f"{_OF}_method", methods)
            method = choose_one(
                "Method", names, key=f"{_OF}_method", default=methods[0], is_labelled=False
            )
        else:
            method = methods[0] if methods else None
        model = next(iter(titles))
        if by == METHODS and len(titles) > 1:
            references = {m.reference: title for m, title in titles.items()}
            _forget(f"{_OF}_backbone", references)
            reference = st.selectbox(
                "Backbone",
                list(references),
                format_func=references.get,
                key=f"{_OF}_backbone",
                label_visibility="collapsed",
                width=220,
            )
            model = next(m for m in titles if m.reference == reference)
        if methods:
            with st.popover("View", icon=":material/tune:"):
                controls("explain_controls", is_shared=len(titles) > 1, has_intervals=True)
    if by == METHODS:
        return Shown(by, tuple((model, m) for m in methods), tuple(names.values()))
    return Shown(by, tuple((m, method) for m in titles), tuple(titles.values()))


def _forget(key: str, options: Collection[str]) -> None:
    """Drop a choice that is none any more."""
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)


def show(gathered: Gathered, shown: Shown) -> None:
    """Show answers and maps in columns."""
    questions = gathered.questions
    different_classes(questions.all_shown(gathered.board))
    if len(shown.cells) == 1:
        _alone(gathered, *shown.cells[0])
    else:
        _several(gathered, shown)
    if shown.maps:
        _about_hiding(questions)


def _alone(gathered: Gathered, model: ModelSpec, method: str | None) -> None:
    """Show one answer, and beside it one map, which is not drawn as wide as the page."""
    left, right = st.columns([4, 5], border=True)
    with left, st.container(gap="xsmall"):
        _answer(gathered, model)
    with right, st.container(gap="xsmall"):
        if method is not None:
            st.markdown(f"**{EXPLAINERS[method].title}**")
        _picture(gathered, model, method, limits(gathered.questions, gathered.maps))


def _several(gathered: Gathered, shown: Shown) -> None:
    """Show several answers or maps in rows of columns."""
    if shown.by == METHODS:
        with st.container(border=True, gap="xsmall"):
            _answer(gathered, shown.cells[0][0])
    count = min(len(shown.cells), MOST_COLUMNS)
    for start in range(0, len(shown.cells), count):
        row = slice(start, start + count)
        _row(gathered, shown, shown.cells[row], shown.titles[row])


def _answer(gathered: Gathered, model: ModelSpec) -> None:
    """Show what one backbone says."""
    st.markdown(f"**{escaped(gathered.questions.titles[model])}**")
    predictions.headline(gathered, model)


def _about_hiding(questions: Questions) -> None:
    """Say that parts can be hidden; offer to show those again that are."""
    hidden = questions.hidden()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "Click a part of a map to hide it and see the answer move; click it again to show it.",
            help="With keys: focus a map, go with the arrows, press Enter. What is hidden is so "
            "for all backbones, behind the background of *Options*.",
        )
        if hidden:
            st.button(
                f"Show all again ({len(hidden)} hidden)",
                key="explain_show_all",
                icon=":material/undo:",
                on_click=show_all,
                args=(questions.image, questions.options.segments),
            )


def _row(
    gathered: Gathered,
    shown: Shown,
    cells: Sequence[tuple[ModelSpec, str | None]],
    titles: Sequence[str],
) -> None:
    limit_of = limits(gathered.questions, gathered.maps)
    columns = st.columns(min(len(shown.cells), MOST_COLUMNS), border=True)
    for column, (model, method), title in zip(columns, cells, titles, strict=False):
        with column, st.container(gap="xsmall"):
            st.markdown(f"**{escaped(title)}**")
            if shown.by == BACKBONES:
                predictions.headline(gathered, model)
            _picture(gathered, model, method, limit_of)


def _picture(
    gathered: Gathered, model: ModelSpec, method: str | None, limit_of: dict[Cell, float]
) -> None:
    """Show a map, or the picture alone until there is one."""
    questions, board = gathered.questions, gathered.board
    cell = None if method is None else (model, method)
    if cell is not None and cell in gathered.maps:
        show_map(questions, cell, gathered.maps[cell], limit_of[cell], board)
    else:
        asked = board.get(questions.prediction(model))
        seen = None if asked is None else asked.explanation.seen
        picture = as_seen(questions.jpeg, questions.image, seen)
        st.image(picture, width="stretch", alt=f"The picture {questions.title}")
    if cell is not None and (asked := questions.shown(board, *cell)) is not None:
        show_state(asked, board)
