"""Everything that is known about one picture, growing: a fragment that asks for news."""

import streamlit as st

from dashboard import state
from dashboard.components.explain.blocks import BLOCKS
from dashboard.components.explain.gathered import Gathered, gather
from dashboard.components.explain.questions import Questions
from dashboard.components.explain.report import keep_it
from dashboard.components.shared import lane
from dashboard.components.shared.lane import Board

POLL = "1s"


def show_explanations(questions: Questions) -> None:
    """Ask what was not asked yet, and show all answers until they are final."""
    board = lane.ask(questions.all())
    is_live = not (_is_over(board) or lane.is_stopped())

    @st.fragment(run_every=POLL if is_live else None)
    def watch() -> None:
        board = lane.ask(questions.all())
        gathered = gather(questions, board)
        _progress(gathered)
        for block in BLOCKS:
            block.show(gathered)
        is_ended = lane.is_stopped() or _is_over(board)
        if _learn_classes(questions, board) or is_live == is_ended:
            st.rerun()  # the whole page once: new classes to choose from, the timer's end or start

    watch()


def _is_over(board: Board) -> bool:
    return all(asked.is_over for asked in board.values())


def _progress(gathered: Gathered) -> None:
    """Show how far all of it is, the way to end it or to begin again, and to keep it."""
    board = gathered.board
    over = sum(asked.is_over for asked in board.values())
    with st.container(horizontal=True, vertical_alignment="center"):
        if not lane.is_stopped() and over == len(board):
            st.caption(f"All {over} answers are complete.")
        elif lane.is_stopped():
            st.info("Stopped. What came before that is below.", icon=":material/stop_circle:")
            rest = [a.request for a in board.values() if a.answer.state != "done"]
            st.button("Explain again", key="explain_again", on_click=lane.ask_again, args=(rest,))
        else:
            st.progress(over / len(board), text=f"{over} of {len(board)} answers are complete")
            st.button("Stop", key="explain_stop", on_click=lane.stop)
        keep_it(gathered)


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
