"""How far one answer about a picture is, or how it ended and what to do."""

import streamlit as st

from dashboard.components.shared import lane
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.lane import Asked, Board

_WHAT = {"predict": "prediction", "explain": "map"}  # the others are called as their kind
_VERBS = {
    "predict": "Making the prediction",
    "evidence": "Measuring",
    "attack": "Attacking the picture",
    "drift": "Following the map",
}


def show_state(asked: Asked, board: Board) -> None:
    """Show the state of one answer, nothing when it is done; a reason is given only once."""
    answer, request = asked.answer, asked.request
    what = _WHAT.get(request.kind, request.kind)
    if answer.state == "waiting":
        st.caption(f"The {what} waits for its turn.")
    elif answer.state in ("working", "coarse"):
        is_refined = answer.state == "coarse" and request.kind == "explain"
        verb = "Coarse map, refining" if is_refined else _VERBS.get(request.kind, "Making the map")
        count = f" {answer.done:,}/{answer.total:,}" if answer.total else ""
        st.progress(
            min(answer.done / answer.total, 1.0) if answer.total else 0.0, text=verb + count
        )
    elif answer.state == "failed":
        _failed(asked, board, what)


def _failed(asked: Asked, board: Board, what: str) -> None:
    answer, request = asked.answer, asked.request
    of_model = [a for a in board.values() if a.request.model == request.model]
    told = [a for a in of_model if a.request.kind == "predict" and a.answer.error == answer.error]
    if asked.is_cancelled and request.kind == "explain" and asked.has_map:
        spent, most = answer.explanation.evaluations, request.options.evaluations
        st.info(
            f"A preview: stopped after {spent:,} of {most:,} evaluations.",
            icon=":material/stop_circle:",
        )
    elif asked.is_cancelled:
        st.info(f"Stopped before the {what} was complete.", icon=":material/stop_circle:")
    elif told and asked not in told:
        st.caption(f"No {what}, for the reason given with the prediction.")
        return
    else:
        sentence = answer.error or f"The {what} failed without a reason."
        st.error(escaped(sentence), icon=":material/warning:")
    again = [a.request for a in of_model if a.answer.state == "failed"]
    key = f"again_{request.kind}_{request.model.reference}_{request.method}"
    st.button("Try again", key=key, on_click=lane.ask_again, args=(again,))
