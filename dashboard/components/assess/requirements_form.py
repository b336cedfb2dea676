"""Asking what a model must reach: the usual numbers by sliders, any other as a sentence."""

from dataclasses import dataclass

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import errors_shown
from usable_core.catalog.metrics import METRICS
from usable_core.catalog.requirements import REQUIREMENTS
from usable_core.evaluations.epsilon import number
from usable_core.evaluations.specs import InputKind
from usable_core.verdicts.kinds import misfit, start_of
from usable_core.verdicts.requirements import Requirement, requirement

COLUMNS = 3
NOT_REQUIRED = "not required"
STEPS = {"share": range(101), "number": [step / 20 for step in range(21)]}  # by unit; % of shares
MORE = {  # what shows how a line is written
    "picture": "corruption_accuracy at fog >= 70 %",
    "text": "corruption_accuracy at keyboard_typo >= 70 %",
}


@dataclass(frozen=True)
class Field:
    """One number that the form asks for by itself."""

    requirement: Requirement

    @property
    def key(self) -> str:
        """Return the slider's key."""
        return state.of_page("assess", self.requirement.name)

    @property
    def epsilon_key(self) -> str:
        """Return the key of its budget: pixels and words have budgets of their own."""
        is_of_words = self.requirement.place.endswith("%")
        return state.ASSESS_WORD_SHARE if is_of_words else state.ASSESS_EPSILON

    @property
    def label(self) -> str:
        """Return what stands above the slider."""
        sign = "≥" if self.requirement.row.is_better == "higher" else "≤"
        return f"{self.requirement.title.partition(' at ε')[0]} {sign}"

    @property
    def options(self) -> list[float | str]:
        """Return what it can be set to; what requires nothing is at the end that is easy."""
        steps = {float(step) for step in STEPS[METRICS[self.requirement.row.metric].unit]}
        kept = {st.session_state.get(self.key)} - {None, NOT_REQUIRED}  # also one between the steps
        bounds = sorted(steps | kept)
        is_minimum = self.requirement.row.is_better == "higher"
        return [NOT_REQUIRED, *bounds] if is_minimum else [*bounds, NOT_REQUIRED]

    def text(self, value: float | str) -> str:
        """Return a value of the slider as people read it."""
        unit = " %" if self.is_share else ""
        return value if isinstance(value, str) else f"{value:.10g}{unit}"

    @property
    def is_share(self) -> bool:
        """Tell whether it is asked in percent."""
        return METRICS[self.requirement.row.metric].unit == "share"

    def shown(self, bound: float) -> float:
        """Return a bound as the slider shows it."""
        return float(round(100 * bound, 6)) if self.is_share else float(bound)


def fields_of(kind: InputKind) -> tuple[Field, ...]:
    """Return the numbers that the form asks for of models of a kind."""
    return tuple(Field(requirement(text)) for text in start_of(kind))


def _how(kind: InputKind) -> str:
    rows = REQUIREMENTS.values()
    fitting = [row.example for row in rows if not misfit(requirement(row.example), kind)]
    examples = ", ".join(f"`{one}`" for one in dict.fromkeys([*fitting, MORE[kind]]))
    return f"One requirement a line, such as {examples}."


def restore(texts: tuple[str, ...], kind: InputKind = "picture") -> None:
    """Have the form show these requirements; call it before the form."""
    asked = {one.name: one for one in reversed([requirement(text) for text in texts])}
    for field in fields_of(kind):
        one = asked.get(field.requirement.name)
        st.session_state[field.key] = NOT_REQUIRED if one is None else field.shown(one.bound)
        if one is not None and one.row.place == "epsilon":
            st.session_state[field.epsilon_key] = one.place
    plain = {_field_text(field) for field in fields_of(kind)} - {None}
    more = [text for text in texts if text not in plain]
    st.session_state[state.ASSESS_MORE] = "\n".join(more)


def requirements_form(kind: InputKind) -> tuple[str, ...]:
    """Ask what is required and return it as it is written; empty while a line is none."""
    fields = fields_of(kind)
    st.markdown("**It must reach**")
    st.caption("Say it before you look at the numbers.")
    for place, field in enumerate(fields):
        if place % COLUMNS == 0:
            columns = st.columns(COLUMNS)  # a row of its own: labels of two lines push none aside
        with columns[place % COLUMNS]:
            st.session_state.setdefault(field.key, field.shown(field.requirement.bound))
            st.select_slider(
                field.label,
                field.options,
                key=field.key,
                format_func=field.text,
                help=METRICS[field.requirement.row.metric].help,
            )
            if field.requirement.row.place == "epsilon":
                st.session_state.setdefault(field.epsilon_key, field.requirement.place)
                st.text_input("at ε", key=field.epsilon_key)
    with st.expander("More requirements"):
        more = st.text_area(
            "One a line",
            key=state.ASSESS_MORE,
            placeholder=MORE[kind],
            help=_how(kind),
        )
    with errors_shown():
        lines = [line.strip() for line in (more or "").splitlines() if line.strip()]
        texts = [text for field in fields if (text := _field_text(field))]
        return tuple(requirement(text).text for text in [*texts, *lines])
    return ()


def _field_text(field: Field) -> str | None:
    """Return the requirement that a slider asks for now; None where it requires nothing."""
    value = st.session_state.get(field.key)
    if value in (None, NOT_REQUIRED):
        return None
    asked, place = field.requirement, field.requirement.place
    if asked.row.place == "epsilon":
        place = str(st.session_state.get(field.epsilon_key) or "").strip()
        number(place)
    return Requirement(asked.name, value / 100 if field.is_share else value, place).text
