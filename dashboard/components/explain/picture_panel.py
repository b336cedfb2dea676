"""Everything that is known about one picture, growing: two fragments that ask for news.

One holds the maps, beside the settings; the other the tabs, as wide as the page.
"""

import time
from collections.abc import Callable

import streamlit as st

from dashboard import state
from dashboard.components.explain import hero, tabs
from dashboard.components.explain.gathered import Gathered, gather
from dashboard.components.explain.hero import Shown
from dashboard.components.explain.questions import Questions
from dashboard.components.explain.report import keep_it
from dashboard.components.shared import beside, lane
from dashboard.components.shared.formats import duration
from dashboard.components.shared.lane import Board

POLL = "1s"
LOOK = 0.02  # s
EARLY = 2.0  # s of work that say nothing yet about the rest
_BEGUN = "explain_begun"  # when work on these questions began


def show_hero(questions: Questions) -> Shown:
    """Ask what was not asked yet; show the maps until they are final, and return which."""
    shown = hero.choose_shown(questions)

    def draw(gathered: Gathered) -> None:
        hero.show(gathered, shown)
        _progress(gathered)

    _watched(questions, draw)
    return shown


def show_tabs(questions: Questions, shown: Shown) -> None:
    """Show what is known beside the maps, one tab of it."""
    _watched(questions, lambda gathered: tabs.show(gathered, shown))


def _watched(questions: Questions, draw: Callable[[Gathered], None]) -> None:
    """Draw what is known, and again every second until nothing is open."""
    is_live = not (_is_over(lane.ask(questions.all())) or lane.is_stopped())

    @st.fragment(run_every=POLL if is_live else None)
    def watch() -> None:
        board = _asked(questions)
        draw(gather(questions, board))
        is_ended = lane.is_stopped() or _is_over(board)
        if _learn_classes(questions, board) or is_live == is_ended:
            st.rerun()  # the whole page once: new classes to choose from, the timer's end or start

    watch()


def _asked(questions: Questions) -> Board:
    """Return what is known now; an answer without hidden parts is there in a blink."""
    board = lane.ask(questions.all())
    hiding = [questions.without(model) for model in questions.titles] if questions.hidden() else []
    until = time.monotonic() + beside.BLINK
    while any(r in board and not board[r].is_over for r in hiding) and time.monotonic() < until:
        time.sleep(LOOK)
        board = lane.ask(questions.all())
    return board


def _is_over(board: Board) -> bool:
    return all(asked.is_over for asked in board.values())


def _progress(gathered: Gathered) -> None:
    """Show how far all of it is, the way to end it or to begin again, and to keep it."""
    board = gathered.board
    over = sum(asked.is_over for asked in board.values())
    with st.container(horizontal=True, vertical_alignment="center"):
        if not lane.is_stopped() and over == len(board):
            st.session_state.pop(_BEGUN, None)
            st.caption(f"All {over} answers are complete.")
        elif lane.is_stopped():
            st.session_state.pop(_BEGUN, None)
            st.info("Stopped. What came before that is here.", icon=":material/stop_circle:")
            rest = [a.request for a in board.values() if a.answer.state != "done"]
            st.button("Explain again", key="explain_again", on_click=lane.ask_again, args=(rest,))
        else:
            words = f"{over} of {len(board)} answers are complete{_left(board)}"
            st.progress(over / len(board), text=words)
            st.button("Stop", key="explain_stop", on_click=lane.stop)
        keep_it(gathered)


def _left(board: Board) -> str:
    """Return in words how long the rest will take, from how long it took so far."""
    began = st.session_state.setdefault(_BEGUN, time.monotonic())
    spent = time.monotonic() - began
    done = sum(
        1.0 if a.is_over else min(a.answer.done / a.answer.total, 1.0) if a.answer.total else 0.0
        for a in board.values()
    )
    share = done / len(board)
    if spent < EARLY or not 0 < share < 1:
        return ""
    return f", about {duration(spent * (1 - share) / share)} left"


def _learn_classes(questions: Questions, board: Board) -> bool:
    """Remember the classes for the target selector, predicted first; tell whether they are new."""
    asked = [board.get(questions.prediction(model)) for model in questions.titles]
    predicting = [a for a in asked if a is not None]
    names = [p.name for a in predicting for p in a.explanation.predictions]
    names += [name for a in predicting for name in a.explanation.classes]
    found = list(dict.fromkeys(names))
    if not found or not all(a.is_over for a in predicting):
        return False
    is_new = found != st.session_state.get(state.EXPLAIN_CLASSES)
    st.session_state[state.EXPLAIN_CLASSES] = found
    return is_new
