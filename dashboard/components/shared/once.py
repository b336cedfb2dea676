"""What every tab that shows the same answers would make alike, such as a figure, is made once.

Tabs share the answers themselves (`measured_runs.answer`), so their identity says which they are.
"""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar
from weakref import ref

import streamlit as st

MOST = 64
Answers = TypeVar("Answers")
Made = TypeVar("Made")
Settings = ParamSpec("Settings")


def once(
    make: Callable[Concatenate[Answers, Settings], Made],
    answers: Answers,
    *more: Settings.args,
    **settings: Settings.kwargs,
) -> Made:
    """Return `make(answers, …)`, made once for all tabs; it must not be changed afterwards.

    Args:
        make: A pure function with a name of its own.
        answers: A list of answers, or one object that is itself made once.
        *more: Settings, told apart by their `repr`.
        **settings: Settings, told apart by their `repr`.
    """
    held = answers if isinstance(answers, (list, tuple)) else (answers,)
    name = f"{make.__module__}.{make.__qualname__}"
    key = repr((name, [id(one) for one in held], more, sorted(settings.items())))
    refs, made = _made(lambda: (_refs(held), make(answers, *more, **settings)), key)
    if not all(kept() is one for kept, one in zip(refs, held, strict=True)):
        _made.clear(None, key)  # the answers of that entry are gone, and others took their places
        return once(make, answers, *more, **settings)
    return made


@st.cache_resource(max_entries=MOST, show_spinner=False)
def _made(_make: Callable[[], tuple[list[ref[object]], Made]], key: str) -> object:
    del key
    return _make()


def _refs(held: object) -> list[ref[object]]:
    return [ref(one) for one in held]
