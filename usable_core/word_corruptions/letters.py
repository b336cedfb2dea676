"""One slip in each word that is changed: of fingers on keys, of scanners, of look-alikes."""

from collections.abc import Container

from usable_core.word_corruptions.corruption import Draw, text_corruption, with_words

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# Each row stands half a key to the right of the one above it.
NEAR = {
    key: "".join(
        other
        for r, row in enumerate(_ROWS)
        for c, other in enumerate(row)
        if (r - at_r, c - at_c) in {(0, -1), (0, 1), (-1, 0), (-1, 1), (1, -1), (1, 0)}
    )
    for at_r, own in enumerate(_ROWS)
    for at_c, key in enumerate(own)
}
# What readers of scans take for each other.
_SCANNED = {
    **{"l": "1", "i": "1", "o": "0", "s": "5", "b": "6", "g": "9", "z": "2", "e": "c"},
    **{"c": "e", "t": "f", "f": "t", "h": "b", "u": "v", "v": "u", "m": "rn", "w": "vv"},
    **{"1": "l", "0": "O", "5": "S", "8": "B", "I": "l", "O": "0", "S": "5", "B": "8"},
}
# Cyrillic and Greek letters that look like Latin ones.
ALIKE = dict(zip("aceopxyijsABCEHIKMOPTX", "асеорхуіјѕАВСЕНІКМОРТХ", strict=True))


def _place(word: str, draw: Draw, known: Container[str] | None = None) -> int | None:
    """Return a place in a word, among those whose letter is known; None where there is none."""
    places = [i for i, c in enumerate(word) if known is None or c in known]
    return places[int(draw.integers(len(places)))] if places else None


def _put(word: str, place: int | None, instead: str, length: int = 1) -> str:
    return word if place is None else word[:place] + instead + word[place + length :]


@text_corruption
def keyboard_typo(text: str, rate: float, draw: Draw) -> str:
    """Hit a neighbouring key."""

    def change(word: str, draw: Draw) -> str:
        place = _place(word.lower(), draw, NEAR)
        if place is None:
            return word
        near = NEAR[word[place].lower()]
        found = near[int(draw.integers(len(near)))]
        return _put(word, place, found.upper() if word[place].isupper() else found)

    return with_words(text, rate, draw, change)


@text_corruption
def letter_swap(text: str, rate: float, draw: Draw) -> str:
    """Turn two neighbouring letters around."""

    def change(word: str, draw: Draw) -> str:
        places = [i for i in range(len(word) - 1) if word[i] != word[i + 1]]
        if not places:
            return word
        place = places[int(draw.integers(len(places)))]
        return _put(word, place, word[place + 1] + word[place], 2)

    return with_words(text, rate, draw, change)


@text_corruption
def letter_missing(text: str, rate: float, draw: Draw) -> str:
    """Leave a letter out, of words of two or more."""
    return with_words(
        text, rate, draw, lambda word, d: _put(word, _place(word, d), "") if len(word) > 1 else word
    )


@text_corruption
def letter_twice(text: str, rate: float, draw: Draw) -> str:
    """Write a letter twice."""

    def change(word: str, draw: Draw) -> str:
        place = _place(word, draw, [c for c in word if c.isalnum()])
        return word if place is None else _put(word, place, word[place] * 2)

    return with_words(text, rate, draw, change)


@text_corruption
def scan(text: str, rate: float, draw: Draw) -> str:
    """Take a letter for one that looks alike in a scan: 1 for l, rn for m."""

    def change(word: str, draw: Draw) -> str:
        place = _place(word, draw, _SCANNED)
        return word if place is None else _put(word, place, _SCANNED[word[place]])

    return with_words(text, rate, draw, change)


@text_corruption
def homoglyph(text: str, rate: float, draw: Draw) -> str:
    """Write every letter that another alphabet has alike in that alphabet."""
    return with_words(text, rate, draw, lambda word, _: "".join(ALIKE.get(c, c) for c in word))
