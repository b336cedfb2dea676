"""What each backbone says about the picture, how sure it is, and how little changes its mind."""

from collections.abc import Iterator
from contextlib import suppress

import pandas as pd
import streamlit as st

from dashboard.components.explain.answer_state import show_state
from dashboard.components.explain.gathered import Gathered
from dashboard.components.explain.questions import Questions
from dashboard.components.shared.formats import duration, escaped, percent
from dashboard.components.shared.lane import Asked
from dashboard.components.shared.metrics import frame
from usable_core.evaluations.epsilon import NORM_TITLES
from usable_core.evaluations.evidence import Fragility
from usable_core.evaluations.explained import MOST_NAMED, Explanation
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import interactive
from usable_core.labels import plain_name
from usable_core.reports.page import Block, Card, Picture, Row, Section, Table, Text

SMALLEST = "Smallest ε that changes the answer"


def headline(gathered: Gathered, model: ModelSpec) -> None:
    """Show what a backbone says in a line or two, and which classes it can say at all."""
    questions, board = gathered.questions, gathered.board
    asked = board.get(questions.prediction(model))
    if asked is None:
        return
    first, *others = asked.explanation.predictions or (None,)
    if first is not None:
        unlike = ""
        if any(_unlike(asked.explanation)):
            unlike = " :orange-badge[:material/help: unlike its task's pictures]"
        moved = _moved(board.get(questions.without(model))) if questions.hidden() else ""
        st.markdown(f"### {escaped(first.name)} :gray[{percent(first.probability)}]{unlike}")
        if moved:
            st.markdown(moved)
        else:
            rest = (f"{p.name} {percent(p.probability)}" for p in others[:2])
            st.caption(escaped(f"then {', '.join(rest)}") if others else "its only class")
        _classes(asked)
    show_state(asked, board)


def _moved(asked: Asked | None) -> str:
    """Return in Markdown how the answer moved when parts were hidden."""
    if asked is None or not asked.is_over:
        return ":gray[Asking without the hidden parts …]"
    found = asked.explanation.without
    if found is None:
        return f":red[{escaped(asked.answer.error or 'No answer without the hidden parts.')}]"
    target, first = asked.explanation.target or "?", asked.explanation.predictions[0]
    points = f"{100 * (found.after - found.before):+.1f} points".replace("-", "−")
    count = len(found.superpixels)
    parts = "1 part" if count == 1 else f"{count} parts"
    colour = "orange" if found.after < found.before else "blue"
    line = (
        f"without {parts}, {escaped(target)}: {percent(found.before)} → "
        f"**{percent(found.after)}** :{colour}-badge[{points}]"
    )
    if first.name != target:
        line += f"  \nnow **{escaped(first.name)}** {percent(first.probability)}"
    return line


def show(gathered: Gathered) -> None:
    """Show the predictions of each backbone in its column."""
    questions, board = gathered.questions, gathered.board
    columns = st.columns(len(questions.titles), border=True)
    for column, (model, title) in zip(columns, questions.titles.items(), strict=True):
        asked = board.get(questions.prediction(model))
        with column:
            st.markdown(f"**{escaped(title)}**")
            if asked is not None:
                _one(questions, asked)


def show_attacks(gathered: Gathered) -> None:
    """Show how small a change changes each backbone's answer."""
    questions, board = gathered.questions, gathered.board
    if not questions.has_attack:
        st.caption(f"{SMALLEST} was not looked for: see *Options*.")
        return
    columns = st.columns(len(questions.titles), border=True)
    for column, (model, title) in zip(columns, questions.titles.items(), strict=True):
        with column:
            st.markdown(f"**{escaped(title)}**")
            _attack(board.get(questions.attack(model)), questions.true)


def sections(gathered: Gathered) -> Iterator[Section]:
    """Yield the same for the report."""
    questions, board = gathered.questions, gathered.board
    cards = [
        Card(title, tuple(_blocks(asked, board.get(questions.attack(model)), questions.true)))
        for model, title in questions.titles.items()
        if (asked := board.get(questions.prediction(model))) is not None
    ]
    yield Section("Predictions", (Row(tuple(cards)),))


def _blocks(asked: Asked, attack: Asked | None, true: str | None) -> Iterator[Block]:
    explanation = asked.explanation
    with suppress(OSError):  # it was not made, or is gone
        png = (interactive.files(asked.key) / "input.png").read_bytes()
        yield Picture(png, "The picture as the backbone sees it")
    rows = tuple((p.name, percent(p.probability)) for p in explanation.predictions)
    yield Table(("class", "softmax"), rows)
    words = (explanation.knows, _calibrated(explanation, true))
    yield from (Text(sentence) for sentence in words if sentence)
    if attack is not None and (found := attack.explanation.fragility) is not None:
        yield Text(f"{found.said(true)} ({found.attack})")
    yield from (Text(sentence, is_warning=True) for sentence in _warnings(explanation))


def _one(questions: Questions, asked: Asked) -> None:
    found = asked.explanation
    for prediction in found.predictions:
        share = min(max(prediction.probability, 0.0), 1.0)
        st.progress(share, text=f"{escaped(prediction.name)} · {percent(share)}")
    if found.predictions:
        _confidence(found, questions.true)
        for sentence in _warnings(found):
            st.warning(escaped(sentence), icon=":material/help:")


def _confidence(explanation: Explanation, true: str | None) -> None:
    """Say what the percentages are, and what they are worth where that is known."""
    st.caption(
        "How sure the model says it is: its softmax, which the maps and curves below explain.",
        help="It names one of its classes whatever it sees. How often it is right at such a "
        "confidence is known for pictures of its task alone: where the picture's true class is "
        "known, its calibrated confidence stands here too (fit it once: `usable calibrate`).",
    )
    if sentence := _calibrated(explanation, true):
        st.caption(escaped(sentence))


def _calibrated(explanation: Explanation, true: str | None) -> str:
    first = explanation.calibrated(true)
    if first is None:
        return ""
    return f"Calibrated on its task's pictures, {first.name} is at {percent(first.calibrated)}."


def _classes(asked: Asked) -> None:
    """Say which classes the backbone can name at all; many are a list to be searched."""
    classes = asked.explanation.classes
    if not classes:
        return
    label = f"Knows only these {len(classes):,} classes"
    with st.popover(label, icon=":material/list:", type="tertiary"):
        if len(classes) <= MOST_NAMED:
            st.markdown(escaped(asked.explanation.knows))
            return
        key = f"classes_{asked.request.model.reference}"
        wanted = st.text_input("Search", key=key, placeholder="part of a name")
        listed = [name for name in classes if plain_name(wanted) in plain_name(name)]
        st.caption(f"{len(listed):,} of {len(classes):,} classes")
        frame(pd.DataFrame({"class": listed}), alt="The classes that this backbone knows")


def _warnings(explanation: Explanation) -> Iterator[str]:
    yield from explanation.warnings
    yield from _unlike(explanation)


def _unlike(explanation: Explanation) -> Iterator[str]:
    found = explanation.familiarity
    if found is not None and found.is_unlike:
        yield (
            "This picture is unlike what the backbone was made for: it would name one of its "
            f"classes whatever it sees. Its familiarity is {found.score:.1f}; 95 % of {found.data} "
            f"are above {found.threshold:.1f}."
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
