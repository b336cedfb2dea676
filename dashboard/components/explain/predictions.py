"""What each backbone says about the picture, how sure it is, and how little changes its mind."""

import streamlit as st

from dashboard.components.explain.answer_state import show_state
from dashboard.components.explain.questions import Questions
from dashboard.components.shared.formats import duration, escaped, percent
from dashboard.components.shared.lane import Asked, Board
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.evidence import Fragility
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.specs import ModelSpec
from usable_core.plots.epsilon_axis import NORM_TITLES


def predictions_row(questions: Questions, board: Board) -> None:
    """Show the predictions of each backbone in its column."""
    st.subheader("Predictions")
    columns = st.columns(len(questions.titles), border=True)
    for column, (model, title) in zip(columns, questions.titles.items(), strict=True):
        asked = board.get(questions.prediction(model))
        with column:
            st.markdown(f"**{escaped(title)}**")
            if asked is not None:
                _one(model, asked, board)
                if questions.has_attack:
                    _attack(board.get(questions.attack(model)))


def _one(model: ModelSpec, asked: Asked, board: Board) -> None:
    found = asked.explanation
    for prediction in found.predictions:
        share = min(max(prediction.shown, 0.0), 1.0)
        st.progress(share, text=f"{escaped(prediction.name)} · {percent(share)}")
    if found.predictions:
        _confidence(model, found)
        _familiarity(found)
    show_state(asked, board)


def _confidence(model: ModelSpec, explanation: Explanation) -> None:
    """Say what the percentages are: calibrated, or not and how to change that."""
    first = explanation.predictions[0]
    if first.calibrated is not None:
        st.caption(f"Calibrated confidence; the raw softmax says {percent(first.probability)}.")
        return
    st.caption(
        "Not calibrated: raw softmax, often too sure.",
        help="Fit a temperature on labelled images, once: `usable calibrate --model "
        f"{model.reference} --dataset DATA`. The confidence shown here is then calibrated.",
    )


def _familiarity(explanation: Explanation) -> None:
    found = explanation.familiarity
    if found is not None and found.is_unlike:
        st.warning(
            "This picture is unlike what the backbone was made for: it would name one of its "
            "classes whatever it sees. Its familiarity is "
            f"{found.score:.1f}; 95 % of {escaped(found.data)} are above {found.threshold:.1f}.",
            icon=":material/help:",
        )


def _attack(asked: Asked | None) -> None:
    """Show the smallest change that changes the prediction, or how far its search is."""
    if asked is None or asked.is_cancelled:
        return
    answer = asked.answer
    if asked.explanation.fragility is not None:
        _fragility(asked.explanation.fragility)
    elif answer.state == "failed":
        st.caption(f"Smallest breaking ε: {escaped(answer.error or 'not found out')}")
    else:
        count = f" {answer.done}/{answer.total}" if answer.total else ""
        st.caption(f"Smallest breaking ε: being looked for{count} …")


def _fragility(found: Fragility) -> None:
    norm = NORM_TITLES.get(found.norm, found.norm)
    help = (
        f"Tried: {found.attack}, {duration(found.seconds)}. It is an upper bound: a stronger "
        "attack may need less. One picture says little about the backbone; see Robustness."
    )
    if found.smallest is None:
        largest = epsilon_label(found.epsilons[-1], found.norm)
        st.markdown(f":green-badge[not broken up to {largest}] ({norm})", help=help)
        return
    after = found.predictions[found.epsilons.index(found.smallest)]
    label = epsilon_label(found.smallest, found.norm)
    st.markdown(f":orange-badge[breaks at ε ≤ {label}] ({norm}): *{escaped(after)}*", help=help)
