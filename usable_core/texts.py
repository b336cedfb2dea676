"""Texts as they come from files and people: what can be read, in one form."""

import re
import unicodedata

from usable_core.errors import TextRefused

MOST = 1_000_000  # characters of a text; a long novel has as many
_SURROGATE = re.compile("[\ud800-\udfff]")
# A word: letters and digits with what joins them; each sign of scripts that write without spaces;
# or other signs in a row.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
    r"|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
    r"(?:['’\-][^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+)*"
    r"|[^\w\s]+"
)

Span = tuple[int, int]


def cleaned(text: object) -> str:
    """Return a text in Unicode's composed form (NFC), without space around it.

    Nothing else is changed: signs that cannot be seen are part of what a model reads.

    Raises:
        TextRefused: it is no text, empty, too long, or holds half a character.
    """
    if not isinstance(text, str):
        raise TextRefused(f"A text is expected, but this is of the type {type(text).__name__}.")
    if len(text) > MOST:
        raise TextRefused(
            f"The text has {len(text):,} characters, and at most {MOST:,} are read. Give a part."
        )
    if found := _SURROGATE.search(text):
        raise TextRefused(
            f"The text holds half a character (U+{ord(found[0]):04X}, a lone surrogate), as where "
            "it was cut within one. Write it anew as UTF-8."
        )
    text = unicodedata.normalize("NFC", text).strip()
    if not text:
        raise TextRefused("The text is empty.")
    return text


def word_spans(text: str) -> tuple[Span, ...]:
    """Return where each word of a text begins and ends, punctuation in a row being one."""
    return tuple(match.span() for match in _WORD.finditer(text))


def alike_key(text: str) -> str:
    """Return what texts share that differ in case, spaces and punctuation alone."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def visible(text: str) -> str:
    """Return a text in which signs that cannot be seen, or turn its order, are told by number."""
    return "".join(c if c.isprintable() or c == "\n" else f"⟨U+{ord(c):04X}⟩" for c in text)
