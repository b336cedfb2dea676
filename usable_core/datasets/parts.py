"""What people call the parts of a data set, and what we call them."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Part = str  # one of `train`, `validation`, `test`

# `eval` is a test part as in Hugging Face's data sets; `unique` has the exception.
_WORDS: dict[str, Part] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "validating"), "validation"),
    **dict.fromkeys(("dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "heldout"), "test"),
    **dict.fromkeys(("eval", "evaluate", "evaluation"), "test"),
}
USUAL = {"train", "training", "val", "valid", "validation", "test", "testing"}
_FILLING = (
    "(?:sets?|splits?|parts?|partial|subset|datasets?|data|folder|images?|imgs?|pictures?|photos?"
    "|samples?|the|my)*"
)
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_PART = re.compile(f"{_FILLING}({_WORD}){_FILLING}")
_FOLD = re.compile(r"(?:k|cv|cross)?[ _-]*(?:fold|split)[ _-]*\d+|cv[ _-]*\d+")
SIGN = "class="  # before a folder's name says that it is a class


def part_of(name: str) -> Part | None:
    """Return the part that a folder or file of this name is; None where it is none for sure.

    Case, digits and signs do not count: `Test_set`, `train2017` and `hold-out` are parts.
    """
    found = _PART.fullmatch(re.sub(r"[^a-z]", "", name.lower()))
    return _WORDS[found[1]] if found else None


def part_within(name: str) -> Part | None:
    """Return the one part that is a word in this name, as in `seg_train`; None without one."""
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    found = {part for word in words if (part := part_of(word))} | {part_of(name)} - {None}
    return found.pop() if len(found) == 1 else None


def is_fold(name: str) -> bool:
    """Tell whether this is a numbered fold, which is neither a part nor a class."""
    return _FOLD.fullmatch(name.lower()) is not None


def may_be_part(name: str) -> bool:
    """Tell whether a folder of this name is made a class only where that was said."""
    return not name.startswith(SIGN) and (part_of(name) is not None or is_fold(name))


def unique(parts: dict[str, Part]) -> dict[str, Part] | None:
    """Return parts by name where no two are the same; None where two are.

    `eval` beside another test part is a validation part.
    """
    if len(set(parts.values())) < len(parts):
        parts = {
            name: "validation" if "eval" in name.lower() and part == "test" else part
            for name, part in parts.items()
        }
    return parts if len(set(parts.values())) == len(parts) else None


def indices_of(parts: Sequence[Part | None]) -> dict[str, NDArray[np.int64]] | None:
    """Return where each part's examples are; None where there is but one part, which is all."""
    found = np.array([part or "" for part in parts], dtype=object)
    names = sorted(set(found) - {""})
    return {name: np.flatnonzero(found == name) for name in names} if len(names) > 1 else None


def renamed(parts: dict[str, Part]) -> tuple[str, ...]:
    """Return a note on names that are parts though not called as usual."""
    odd = {name: part for name, part in parts.items() if name.lower() not in USUAL}
    if not odd:
        return ()
    return (f"Read as parts of the data set: {_listed(f'{n} as {p}' for n, p in odd.items())}.",)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
