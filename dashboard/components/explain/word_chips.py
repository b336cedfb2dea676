"""The words of a text as chips, which a click or a key hides from every backbone or shows again."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import streamlit as st

from usable_core.errors import TextRefused
from usable_core.evaluations.explained import Explanation
from usable_core.plots.words import told
from usable_core.texts import cleaned, visible, word_spans

_HIDDEN = "explain_words_hidden"  # the text, and the numbers of its words that were clicked away
_HERE = Path(__file__).parent
_words = st.components.v2.component(
    "usable_words",
    html='<p class="words" role="group" dir="auto"></p>',
    css=(_HERE / "word_chips.css").read_text(encoding="utf-8"),
    js=(_HERE / "word_chips.js").read_text(encoding="utf-8"),
)


def count_words(text: str) -> int:
    """Return how many words a text has; 0 where it cannot be read."""
    try:
        return len(word_spans(cleaned(text)))
    except TextRefused:
        return 0


def hidden(text: str) -> tuple[int, ...]:
    """Return which words of a text were clicked away."""
    of, numbers = st.session_state.get(_HIDDEN, ("", frozenset()))
    return tuple(sorted(numbers)) if of == text else ()


def hide(text: str, number: int) -> None:
    """Hide a word of a text, or show it again; another text's are shown."""
    st.session_state[_HIDDEN] = text, frozenset(hidden(text)) ^ {number}


def hide_only(text: str, numbers: Iterable[int]) -> None:
    """Hide these words of a text and show its others; numbers that none has are no word."""
    known = range(count_words(text))
    st.session_state[_HIDDEN] = text, frozenset(n for n in numbers if n in known)


def show_all() -> None:
    """Show every word again."""
    st.session_state.pop(_HIDDEN, None)


def word_chips(
    key: str, text: str, label: str, found: Explanation | None = None, limit: float | None = None
) -> None:
    """Show the words of a text, in the colours of a map where there is one.

    Args:
        key: Of the element.
        text: As it was written.
        label: What the chips are, for those who hear them.
        found: The map.
        limit: Its credit of full colour.
    """
    text_read, gone = cleaned(text), hidden(text)
    spans = word_spans(text_read)
    credits: dict[int, tuple[str, str]] = {}
    if found is not None:
        credits = dict(zip(found.superpixels.tolist(), told(found, limit), strict=True))
    data = {
        "label": label,
        "words": [visible(text_read[low:high]) for low, high in spans],
        "gaps": [
            visible(text_read[end:low])
            for end, low in zip(
                [0, *(high for _, high in spans)],
                [*(low for low, _ in spans), len(text_read)],
                strict=True,
            )
        ],
        "hidden": list(gone),
        "styles": [credits.get(k, ("", ""))[0] for k in range(len(spans))],
        "said": [_said(k, gone, credits, found) for k in range(len(spans))],
    }

    def picked() -> None:
        number = st.session_state[key].get("picked")
        if isinstance(number, int) and 0 <= number < len(spans):
            hide(text, number)

    _words(key=key, data=data, on_picked_change=picked)


def _said(
    number: int,
    gone: tuple[int, ...],
    credits: Mapping[int, tuple[str, str]],
    found: Explanation | None,
) -> str:
    if number in gone:
        return "hidden"
    if number in credits:
        return credits[number][1]
    return "" if found is None else "the model does not read it"
