"""The corruptions of texts that can be chosen; those of pictures are in `catalog.corruptions`."""

from collections import ChainMap

from usable_core.catalog.corruptions import COMMON, CORRUPTIONS, CorruptionRow

TEXT_GROUPS = ("letters", "signs", "words")


def _row(title: str, name: str, group: str, help_text: str) -> CorruptionRow:
    function = f"usable_core.word_corruptions.{name}"
    return CorruptionRow(title, group, function, is_common=True, help=help_text, paper="")


TEXT_CORRUPTIONS = {
    "keyboard_typo": _row(
        "Keyboard typo", "letters:keyboard_typo", "letters", "A neighbouring key in a word."
    ),
    "letter_swap": _row(
        "Letters swapped", "letters:letter_swap", "letters", "Two letters of a word turned around."
    ),
    "letter_missing": _row(
        "Letter missing", "letters:letter_missing", "letters", "A letter of a word left out."
    ),
    "letter_twice": _row(
        "Letter twice", "letters:letter_twice", "letters", "A letter of a word doubled."
    ),
    "scan": _row("Scan", "letters:scan", "letters", "A letter read as one that looks alike."),
    "homoglyph": _row(
        "Other alphabet", "letters:homoglyph", "letters", "Letters of other alphabets, alike."
    ),
    "upper_case": _row("Upper case", "words:upper_case", "signs", "Words in capital letters."),
    "mixed_case": _row("Mixed case", "words:mixed_case", "signs", "Large and small by lot."),
    "space_within": _row("Space within", "words:space_within", "signs", "Words written apart."),
    "space_missing": _row(
        "Space missing", "words:space_missing", "signs", "Two words written together."
    ),
    "signs_missing": _row("Signs missing", "words:signs_missing", "signs", "Punctuation left out."),
    "contraction": _row(
        "Contraction", "words:contraction", "words", "It is for it's, and the other way (English)."
    ),
    "word_missing": _row("Word missing", "words:word_missing", "words", "Words left out."),
    "word_twice": _row("Word twice", "words:word_twice", "words", "Words written twice."),
    "word_order": _row("Word order", "words:word_order", "words", "Neighbours turned around."),
    "cut_off": _row("Cut off", "words:cut_off", "words", "The end of the text left out."),
}
KNOWN = ChainMap(TEXT_CORRUPTIONS, CORRUPTIONS)  # in the order of pictures, then texts


def kind_of(name: str) -> str:
    """Return what a corruption is of: `picture` or `text`."""
    return "text" if name in TEXT_CORRUPTIONS else "picture"


def corruptions_named(text: str) -> tuple[str, ...]:
    """Return the corruptions of a text such as `fog,snow`, `common` or `texts`, each once."""
    sets = {"common": COMMON, "all": tuple(CORRUPTIONS), "texts": tuple(TEXT_CORRUPTIONS)}
    words = [word.strip() for word in text.split(",") if word.strip()]
    return tuple(dict.fromkeys(name for word in words for name in sets.get(word, (word,))))
