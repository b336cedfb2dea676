"""Whole words: their case, the spaces and signs between them, lost, repeated and cut off ones."""

import re

from usable_core.word_corruptions.corruption import (
    Draw,
    drawn,
    text_corruption,
    with_words,
    words_of,
)

# Both ways: what is written apart, and together.
_TOGETHER = {
    "do not": "don't",
    "does not": "doesn't",
    "did not": "didn't",
    "is not": "isn't",
    "are not": "aren't",
    "was not": "wasn't",
    "were not": "weren't",
    "have not": "haven't",
    "has not": "hasn't",
    "would not": "wouldn't",
    "could not": "couldn't",
    "should not": "shouldn't",
    "cannot": "can't",
    "will not": "won't",
    "it is": "it's",
    "that is": "that's",
    "i am": "i'm",
    "you are": "you're",
    "we are": "we're",
    "they are": "they're",
    "i have": "i've",
    "they have": "they've",
}
_APART = {together: apart for apart, together in _TOGETHER.items()}
_EITHER = re.compile(
    r"\b(" + "|".join(re.escape(form) for form in (*_TOGETHER, *_APART)) + r")\b", re.IGNORECASE
)
_SIGNS = re.compile(r"[^\w\s]")


@text_corruption
def upper_case(text: str, rate: float, draw: Draw) -> str:
    """Shout a word."""
    return with_words(text, rate, draw, lambda word, _: word.upper())


@text_corruption
def mixed_case(text: str, rate: float, draw: Draw) -> str:
    """Write each letter of a word large or small, by lot."""

    def change(word: str, draw: Draw) -> str:
        is_large = draw.random(len(word)) < 0.5
        pairs = zip(word, is_large, strict=True)
        return "".join(c.upper() if large else c.lower() for c, large in pairs)

    return with_words(text, rate, draw, change)


@text_corruption
def space_within(text: str, rate: float, draw: Draw) -> str:
    """Put a space into a word of two letters or more."""

    def change(word: str, draw: Draw) -> str:
        if len(word) < 2:
            return word
        place = 1 + int(draw.integers(len(word) - 1))
        return f"{word[:place]} {word[place:]}"

    return with_words(text, rate, draw, change)


@text_corruption
def space_missing(text: str, rate: float, draw: Draw) -> str:
    """Leave the space after a word out."""
    spaces = list(re.finditer(r"(?<=\S)\s+(?=\S)", text))
    gone = {spaces[i].start() for i in drawn(len(spaces), rate, draw)}
    return re.sub(r"(?<=\S)\s+(?=\S)", lambda m: "" if m.start() in gone else m[0], text)


@text_corruption
def signs_missing(text: str, rate: float, draw: Draw) -> str:
    """Leave signs out, two and a half times as large a share as of words: they are fewer."""
    signs = list(_SIGNS.finditer(text))
    gone = {signs[i].start() for i in drawn(len(signs), min(1.0, 2.5 * rate), draw)}
    return "".join(c for i, c in enumerate(text) if i not in gone)


@text_corruption
def word_missing(text: str, rate: float, draw: Draw) -> str:
    """Leave a word out, and the space before it."""
    words = words_of(text)
    for number in reversed(drawn(len(words), rate, draw)):
        low, high = words[number].span()
        text = text[:low].rstrip(" ") + text[high:] if low else text[high:].lstrip()
    return text


@text_corruption
def word_twice(text: str, rate: float, draw: Draw) -> str:
    """Write a word twice."""
    return with_words(text, rate, draw, lambda word, _: f"{word} {word}")


@text_corruption
def word_order(text: str, rate: float, draw: Draw) -> str:
    """Turn a word and the next one around; what stands between them stays."""
    words = words_of(text)
    last = -2
    for number in drawn(max(len(words) - 1, 0), rate, draw):
        if number <= last + 1:
            continue  # its first word was turned already
        one, other = words[number], words[number + 1]
        between = text[one.end() : other.start()]
        text = text[: one.start()] + other[0] + between + one[0] + text[other.end() :]
        last = number
    return text


@text_corruption
def contraction(text: str, rate: float, draw: Draw) -> str:
    """Write together what was apart (it is, it's) or apart what was together, where there is any.

    All of them at severity 5, for there are few.
    """
    found = list(_EITHER.finditer(text))
    turned = {found[i].start() for i in drawn(len(found), min(1.0, 2.5 * rate), draw)}

    def change(match: re.Match[str]) -> str:
        own = match[0].lower()
        if match.start() not in turned:
            return match[0]
        other = _TOGETHER.get(own) or _APART[own]
        return other[0].upper() + other[1:] if match[0][0].isupper() else other

    return _EITHER.sub(change, text)


@text_corruption
def cut_off(text: str, rate: float, draw: Draw) -> str:
    """Cut the end off: a share of the words, at least one of two or more."""
    words = words_of(text)
    if len(words) < 2:
        return text
    gone = max(1, round(rate * len(words)))
    return text[: words[len(words) - gone].start()].rstrip()
