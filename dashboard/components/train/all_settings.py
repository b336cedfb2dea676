"""All settings of a training that the form does not ask for by itself, each as its type says.

A new field of `Schedule` is a widget here by itself; its help is that of the dataclass.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

import streamlit as st

from dashboard import state
from usable_core.catalog.recipes import OF_PICTURES
from usable_core.evaluations.fields import helps_of, plain
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import choices_of
from usable_core.evaluations.training import FineTuningConfig

PAGE = "fine_tune"
ASKED = ("epochs", "learning_rate", "augmentation")  # by widgets of the form itself
OPEN = "usual"  # shown of what is left open
# Settings of a training that are none of its schedule.
OTHERS = ("backbone_rate", "layer_decay", "last_blocks", "train_size")
USUAL: Mapping[str, Any] = vars(Schedule()) | {
    field.name: field.default
    for field in dataclasses.fields(FineTuningConfig)
    if field.name in OTHERS
}
HINTS = get_type_hints(Schedule) | {name: get_type_hints(FineTuningConfig)[name] for name in OTHERS}
HELPS = helps_of(Schedule) | helps_of(FineTuningConfig)


def key_of(name: str) -> str:
    """Return the key of the widget of a setting."""
    return state.of_page(PAGE, name)


def restore_settings(values: Mapping[str, object]) -> None:
    """Have the widgets show these settings; those that are not named are as usual."""
    for name in _names():
        st.session_state[key_of(name)] = _held(name, values.get(name, USUAL[name]))


def all_settings(*, is_text: bool) -> dict[str, Any]:
    """Ask for all settings that the form does not ask for elsewhere, and return them by name."""
    names = [name for name in _names() if not (is_text and name in OF_PICTURES)]
    for name in names:
        st.session_state.setdefault(key_of(name), _held(name, USUAL[name]))
    changed = [n for n in names if st.session_state[key_of(n)] != _held(n, USUAL[n])]
    with st.expander(f"All settings{f' · {len(changed)} changed' if changed else ''}"):
        return {name: _asked(name) for name in names}


def _held(name: str, value: object) -> object:
    """Return what a widget holds for a value: a drop-down takes None for no choice at all."""
    return OPEN if value is None and choices_of(HINTS[name]) else value


def _names() -> list[str]:
    """Return the settings that can be asked for by a widget."""
    others = [name for name in HINTS if name not in ASKED]
    return [name for name in others if choices_of(HINTS[name]) or _is_plain(HINTS[name])]


def _is_plain(hint: object) -> bool:
    return plain(hint) in (bool, int, float)


def _asked(name: str) -> object:
    """Ask for one setting."""
    hint, key, help_ = HINTS[name], key_of(name), HELPS.get(name)
    label = name.replace("_", " ").capitalize()
    if choices := choices_of(hint):
        options = choices if USUAL[name] is not None else (OPEN, *choices)
        chosen = st.selectbox(label, options, key=key, help=help_, format_func=_spoken)
        return None if chosen == OPEN else chosen
    if plain(hint) is bool:
        return st.checkbox(label, key=key, help=help_)
    is_whole = plain(hint) is int
    return st.number_input(
        label,
        value=None,
        step=1 if is_whole else 0.01,
        format="%d" if is_whole else "%g",
        key=key,
        placeholder=OPEN if USUAL[name] is None else f"{USUAL[name]:g}",
        help=help_,
    )


def _spoken(choice: str) -> str:
    return choice.replace("_", " ")
