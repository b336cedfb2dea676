"""The attacks on texts that can be chosen, and their presets; those of pictures: `catalog.attacks`.

An attack is a kind of swap, words for others, and a search for the swaps that change the answer.
"""

from collections import ChainMap
from typing import Literal

from usable_core.catalog.attacks import ATTACKS, PRESETS, AttackRow, AttackSpec, PresetRow

BLIND = "_black_box"  # ends the name of a swap that is looked for without gradients
_SWAPS = "usable_core.word_attacks.swaps"


def _pair(name: str, title: str, function: str, paper: str, help_text: str) -> dict[str, AttackRow]:
    """Return a swap with both searches."""
    return {
        name: AttackRow(title, function, paper, help_text, norms=("words",), is_random=False),
        f"{name}{BLIND}": AttackRow(
            f"{title}, black box",
            function,
            "Jin et al. 2020, arXiv:1907.11932 (its ranking)",
            f"{help_text} Words in the order of what the answer loses without them; asks for "
            "answers alone.",
            norms=("words",),
            is_gradient_based=False,
        ),
    }


TEXT_ATTACKS = {
    **_pair(
        "typo",
        "Typos",
        f"{_SWAPS}:typo",
        "Li et al. 2019 (TextBugger), arXiv:1812.05271",
        "One slip in a word: a neighbouring key instead of a letter or beside it, two letters "
        "turned around, one left out.",
    ),
    **_pair(
        "homoglyph",
        "Homoglyphs",
        f"{_SWAPS}:homoglyph",
        "Boucher et al. 2022, arXiv:2106.09898",
        "Letters of other alphabets that look alike.",
    ),
    **_pair(
        "synonym",
        "Synonyms",
        f"{_SWAPS}:synonym",
        "Ren et al. 2019 (PWWS), ACL P19-1103; WordNet 3.0",
        "Words that WordNet has beside a word in any of its senses, antonyms left out. A synonym "
        "of another sense changes what is said: read the judge beside the curve.",
    ),
    **_pair(
        "any",
        "Any words",
        f"{_SWAPS}:vocabulary",
        "Ebrahimi et al. 2018 (HotFlip), arXiv:1712.06751",
        "Any word of the tokenizer's vocabulary: an upper bound of the damage, with no claim that "
        "the text says the same.",
    ),
}


def _preset(name: str, help_text: str) -> PresetRow:
    row = TEXT_ATTACKS[name]
    blind = AttackSpec(f"{name}{BLIND}", steps=8)
    return PresetRow(
        title=row.title,
        attacks=(AttackSpec(name, steps=16), blind),
        queries=blind.steps,
        examples=500,
        walked=16,
        is_comparable=False,
        help=f"{help_text} The worst of two searches, by gradients and by answers.",
    )


TEXT_PRESETS = {
    "typo": _preset("typo", "One slip of the fingers in each changed word."),
    "homoglyph": _preset("homoglyph", "Letters of other alphabets that look alike."),
    "synonym": _preset("synonym", "Synonyms of WordNet, antonyms left out."),
    "any": _preset("any", "Any words of the vocabulary: the most damage, whatever it says."),
}
KNOWN = ChainMap(TEXT_ATTACKS, ATTACKS)  # in the order of pictures, then texts
KNOWN_PRESETS = ChainMap(TEXT_PRESETS, PRESETS)


def kind_of(name: str) -> Literal["picture", "text"]:
    """Return what an attack is on: `picture` or `text`."""
    return "text" if name in TEXT_ATTACKS else "picture"
