"""What each backbone says about the picture, how sure it is, and how little changes its mind."""

import pandas as pd
import streamlit as st

from dashboard.components.explain.answer_state import show_state
from dashboard.components.explain.questions import Questions
from dashboard.components.shared.formats import duration, escaped, percent
from dashboard.components.shared.lane import Asked, Board
from dashboard.components.shared.metrics import frame
from usable_core.evaluations.epsilon import NORM_TITLES
from usable_core.evaluations.evidence import Fragility
from usable_core.evaluations.explained import MOST_NAMED, Explanation
from usable_core.labels import plain_name

SMALLEST = "Smallest ε that changes the answer"


def predictions_row(questions: Questions, board: Board) -> None:
    """Show the predictions of each backbone in its column."""
    st.subheader("Predictions")
    columns = st.columns(len(questions.titles), border=True)
    for column, (model, title) in zip(columns, questions.titles.items(), strict=True):
        asked = board.get(questions.prediction(model))
        with column:
            st.markdown(f"**{escaped(title)}**")
            if asked is not None:
                _one(questions, asked, board)
                if questions.has_attack:
                    _attack(board.get(questions.attack(model)), questions.true)


def _one(questions: Questions, asked: Asked, board: Board) -> None:
    found = asked.explanation
    for prediction in found.predictions:
        share = min(max(prediction.probability, 0.0), 1.0)
        st.progress(share, text=f"{escaped(prediction.name)} · {percent(share)}")
    if found.predictions:
        _confidence(questions, found)
        _classes(asked)
        _familiarity(found)
    show_state(asked, board)


def _confidence(questions: Questions, explanation: Explanation) -> None:
    """Say what the percentages are, and what they are worth where that is known."""
    st.caption(
        "How sure the model says it is: its softmax, which the maps and curves below explain.",
        help="It names one of its classes whatever it sees. How often it is right at such a "
        "confidence is known for pictures of its task alone: where the picture's true class is "
        "known, its calibrated confidence stands here too (fit it once: `usable calibrate`).",
    )
    first = explanation.calibrated(questions.true)
    if first is not None:
        st.caption(
            f"Calibrated on its task's pictures, {escaped(first.name)} is at "
            f"{percent(first.calibrated)}."
        )


def _classes(asked: Asked) -> None:
    """Say which classes the backbone can name at all; many are a list to be searched."""
    classes = asked.explanation.classes
    if len(classes) <= MOST_NAMED:
        if classes:
            st.caption(escaped(asked.explanation.knows))
        return
    with st.popover(f"Knows only {len(classes):,} classes", icon=":material/list:"):
        key = f"classes_{asked.request.model.reference}"
        wanted = st.text_input("Search", key=key, placeholder="part of a name")
        listed = [name for name in classes if plain_name(wanted) in plain_name(name)]
        st.caption(f"{len(listed):,} of {len(classes):,} classes")
        frame(pd.DataFrame({"class": listed}), alt="The classes that this backbone knows")


def _familiarity(explanation: Explanation) -> None:
    for warning in explanation.warnings:
        st.warning(escaped(warning), icon=":material/help:")
    found = explanation.familiarity
    if found is not None and found.is_unlike:
        st.warning(
            "This picture is unlike what the backbone was made for: it would name one of its "
            "classes whatever it sees. Its familiarity is "
            f"{found.score:.1f}; 95 % of {escaped(found.data)} are above {found.threshold:.1f}.",
            icon=":material/help:",
        )


def _attack(asked: Asked | None, true: str | None) -> None:
    """Show the smallest change that changes the prediction, or how far its search is."""
    if asked is None or asked.is_cancelled:
        return
    answer = asked.answer
    if asked.explanation.fragility is not None:
        _fragility(asked.explanation.fragility, true)
    elif answer.state == "failed":
        st.caption(f"{SMALLEST}: {escaped(answer.error or 'not found out')}")
    else:
        count = f" {answer.done}/{answer.total}" if answer.total else ""
        st.caption(f"{SMALLEST}: being looked for{count} …")


def _fragility(found: Fragility, true: str | None) -> None:
    norm = NORM_TITLES.get(found.norm, found.norm)
    help = (
        f"Tried: {found.attack}, {duration(found.seconds)}. It is an upper bound: a stronger "
        "attack may need less. One picture says little about the backbone; see Robustness."
    )
    color = "green" if found.smallest is None else "orange"
    st.markdown(f":{color}-badge[{escaped(found.said(true))}] ({norm})", help=help)
