"""Explain, of a text: what each backbone says of it, and which words made it say so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from dashboard import state
from dashboard.components.explain import text_address
from dashboard.components.explain.map_facts import badges
from dashboard.components.explain.settings import (
    EVALUATIONS,
    SWITCH,
    choose_methods,
    select,
    slider,
)
from dashboard.components.explain.text_questions import TextQuestions
from dashboard.components.explain.word_chips import count_words, hidden, show_all, word_chips
from dashboard.components.shared.formats import escaped, percent
from dashboard.components.shared.lane import Asked
from dashboard.components.shared.names import model_title
from dashboard.components.shared.pickers import model_picker
from dashboard.components.shared.reading import Answers, read
from usable_core.catalog.explainers import EXPLAINERS, TEXT_BACKGROUNDS
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import interactive
from usable_core.plots.heatmap import colour_limit
from usable_core.plots.words import describe_words

MAX_MODELS = 4
LONGEST = 20_000  # characters
METHODS = [name for name, row in EXPLAINERS.items() if row.of_texts]
DEFAULT_METHODS = ["kernel_shap", "integrated_gradients"]
PREDICTED = "predicted"
USUAL = {"usual": "The model's mask, else left out", **TEXT_BACKGROUNDS}
SAMPLES = (
    "An unexpectedly moving film with a wonderful cast.",
    "The plot is thin and the jokes fall flat.",
    "Not bad at all, but far too long.",
    "The parcel came late and nobody answered my calls.",
    "Congratulations, you have won a free phone!",
    "The central bank raised interest rates by half a point.",
)


def show() -> None:
    """Ask for a text and what is to be known of it, and show the answers as they come."""
    written, settings = st.columns((5, 2), gap="medium")
    with written:
        text = _choose_text()
    with settings:
        questions = _choose_settings(text)
    with written:
        if questions is not None:
            read(
                questions.all(),
                partial(_answers, questions),
                waiting="Reading the text …",
                failed="No answer",
            )


def _choose_text() -> str:
    text_address.read()
    st.pills(
        "Samples",
        SAMPLES,
        key=state.EXPLAIN_TEXT_SAMPLE,
        wrap=True,
        on_change=_take_sample,
    )
    text = st.text_area(
        "Text",
        key=state.EXPLAIN_TEXT,
        height=110,
        max_chars=LONGEST,
        placeholder="Write or paste a text, and press Ctrl+Enter.",
    ).strip()
    text_address.write(text)
    return text


def _take_sample() -> None:
    sample = st.session_state.get(state.EXPLAIN_TEXT_SAMPLE)
    if sample:
        st.session_state[state.EXPLAIN_TEXT] = sample


def _choose_settings(text: str) -> TextQuestions | None:
    """Ask for all beside the text; return what is asked, None where nothing is yet."""
    models = model_picker(
        state.TEXT_MODELS, MAX_MODELS, label=f"Backbones (up to {MAX_MODELS})", default=()
    )
    methods = choose_methods(state.EXPLAIN_TEXT_METHODS, METHODS, DEFAULT_METHODS)
    target = _choose_target()
    options, has_evidence = _choose_options()
    if not models:
        st.info(
            "Choose a classifier of texts: type hf/ and the folder or name of one.",
            icon=":material/category:",
        )
        return None
    if not text:
        return None
    gone = hidden(text)
    asked = methods if len(gone) < count_words(text) else ()
    return TextQuestions(text, models, tuple(asked), target, options, has_evidence, gone)


def _choose_target() -> str | None:
    """Ask for the class that is explained, None for each backbone's own prediction."""
    key = state.EXPLAIN_TEXT_TARGET
    state.read_address(key, [PREDICTED])
    classes = [PREDICTED, *st.session_state.get(state.EXPLAIN_TEXT_CLASSES, [])]
    current = st.session_state.get(key)
    target = st.selectbox(
        "Class to explain",
        classes if current is None or current in classes else [*classes, current],
        key=key,
        accept_new_options=True,
        format_func=lambda name: "Its own prediction" if name == PREDICTED else name,
    )
    state.write_address(key, [target] if target else [])
    return None if target in (None, PREDICTED) else target


def _choose_options() -> tuple[ExplainerOptions, bool]:
    with st.expander("Options", icon=":material/tune:"):
        background = select(
            state.EXPLAIN_TEXT_BACKGROUND,
            "Hide words by",
            USUAL,
            "usual",
            "What stands where a word is hidden. It is part of what a map means: compare two.",
        )
        evaluations = slider(
            state.EXPLAIN_TEXT_EVALUATIONS,
            "Evaluations per map, at most",
            {n: f"{int(n):,}" for n in EVALUATIONS},
            "500",
            "Forward passes of the backbone. Of up to 8 words, 500 are all there are.",
        )
        evidence = select(
            state.EXPLAIN_TEXT_EVIDENCE,
            "Measure how far to trust each map",
            SWITCH,
            "no",
            "Hides and shows words in each map's order, beside random orders and reading order.",
        )
    own = ExplainerOptions(evaluations=int(evaluations))
    options = own if background == "usual" else replace(own, background=background)
    return options, evidence == "yes"


def _answers(questions: TextQuestions, answers: Answers) -> None:
    """Show what is known so far: predictions, then a row of chips for each map."""
    if hidden(questions.text) != questions.hidden:  # a click, while others were awaited
        st.rerun()
    _about_hiding(questions)
    names = {model: model_title(model.reference) for model in questions.models}
    maps = _maps(questions, answers)
    limits = _limits(maps)
    for model in questions.models:
        with st.container(border=True):
            said = answers[questions.prediction(model)]
            st.markdown(f"**{escaped(names[model])}**: {_predicted(said)}")
            if questions.hidden:
                st.caption(f"All words shown: {_predicted(answers[questions.whole(model)])}")
            chips = partial(_chips, questions, model, names[model])
            for method in questions.methods:
                found = maps.get((model, method))
                if found is not None:
                    _map(found, partial(chips, method, found, limits[_unit(found)]))
                elif not answers[questions.map(model, method)].is_over:
                    st.markdown(f"**{EXPLAINERS[method].title}** …")
                    chips(method)
            if not questions.methods and said.explanation.predictions:
                chips()
    _learn_classes(questions, answers)


def _about_hiding(questions: TextQuestions) -> None:
    """Say that words can be hidden; offer to show those again that are."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if not questions.hidden:
            st.caption(
                "Click a word to hide it and see predictions and maps move.",
                help="With keys: Tab to a word, then Enter or Space. What is hidden is so for all "
                "backbones, in the way of *Options*; the text itself stays as it is.",
            )
            return
        count, known = len(questions.hidden), count_words(questions.text)
        is_are = "is" if count == 1 else "are"
        st.caption(f"{count} of {known} words {is_are} hidden: click one to show it again.")
        st.button(
            "Show all", key="explain_show_all_words", icon=":material/undo:", on_click=show_all
        )


def _chips(
    questions: TextQuestions,
    model: ModelSpec,
    name: str,
    method: str | None = None,
    found: Explanation | None = None,
    limit: float | None = None,
) -> None:
    """Show the words, in the colours of a map where there is one."""
    what = "Words" if method is None else f"{EXPLAINERS[method].title}: words"
    label = f"{what} that {name} reads; a pressed one is hidden"
    key = f"words_{questions.models.index(model)}_{method}"
    word_chips(key, questions.text, label, found, limit)


def _predicted(asked: Asked) -> str:
    if not asked.is_over and not asked.explanation.predictions:
        return "…"
    predictions = asked.explanation.predictions[:3]
    return " · ".join(f"{escaped(p.name)} {percent(p.probability)}" for p in predictions)


def _maps(questions: TextQuestions, answers: Answers) -> dict[tuple[ModelSpec, str], Explanation]:
    """Return the maps that are there, with their arrays."""
    found = {}
    for model in questions.models:
        for method in questions.methods:
            asked = answers[questions.map(model, method)]
            is_shown = asked.answer.state in ("coarse", "done") and asked.explanation.evaluations
            if is_shown:
                found[model, method] = Explanation.load(interactive.files(asked.key))
    return found


def _limits(maps: Mapping[tuple[ModelSpec, str], Explanation]) -> dict[str, float]:
    """Return the credit of full colour for each unit, so that equal colours mean equal credit."""
    found: dict[str, float] = {}
    for one in maps.values():
        limit = colour_limit(one.values)
        found[_unit(one)] = max(limit, found.get(_unit(one), 0.0))
    return found


def _unit(found: Explanation) -> str:
    """Return what credits are counted in; shares of attention are no part of the answer."""
    return str(found.unit) if EXPLAINERS[str(found.method)].is_signed else "share of attention"


def _map(found: Explanation, show_words: Callable[[], None]) -> None:
    title = f"**{EXPLAINERS[str(found.method)].title}** of *{escaped(str(found.target))}*"
    st.markdown(" ".join([title, *badges(found)]), help=escaped(describe_words(found)))
    show_words()
    how = TEXT_BACKGROUNDS[str(found.background)].lower()
    row = EXPLAINERS[str(found.method)]
    passes = "1 evaluation" if found.evaluations == 1 else f"{found.evaluations:,} evaluations"
    facts = [passes, f"unit: {_unit(found)}"]
    facts += [f"hidden: {how}"] if row.has_background else []
    facts += _gains(found)
    st.caption(" · ".join(map(escaped, facts)))
    if row.caveat:
        st.caption(f":material/info: {row.caveat}")
    for _, sentence in found.doubts():
        st.caption(f":material/warning: {escaped(sentence[:1].upper() + sentence[1:])}.")


def _gains(found: Explanation) -> Sequence[str]:
    """Return how much better than random orders a map's order is, in words."""
    if found.evidence is None:
        return []
    return [
        f"{curve.kind} gain {curve.gain:+.2f} ({TEXT_BACKGROUNDS[curve.background].lower()})"
        for curve in found.evidence.curves
    ]


def _learn_classes(questions: TextQuestions, answers: Answers) -> None:
    """Remember the classes that the backbones know, for the choice of one."""
    known = dict.fromkeys(
        name
        for model in questions.models
        for name in answers[questions.prediction(model)].explanation.classes
    )
    if known and list(known) != st.session_state.get(state.EXPLAIN_TEXT_CLASSES):
        st.session_state[state.EXPLAIN_TEXT_CLASSES] = list(known)
        st.rerun()
