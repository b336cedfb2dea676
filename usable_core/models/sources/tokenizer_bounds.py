"""Bounds of a stranger's tokenizer: what it adds, how texts grow in it, whether its files agree.

`tokenizers` reads a text in one step that nothing can end, so what could go on without end is found
in its files before.
"""

from pathlib import Path
from typing import Any

from usable_core import files
from usable_core.errors import CheckpointError, first_line, quoted
from usable_core.json_files import parsed_json

LARGEST = 100 * 2**20  # bytes of one of its files; those of 260,000 pieces have 33 MB
_MOST_SIGNS = 20_000  # added one by one, each in a while; no published tokenizer has 5,000
_MOST_GROWTH = 1000  # times as long
_LONGEST_WORD = 1000  # letters; WordPiece takes as long as its square, and has 100
_AGREED = 0.99  # of the pieces that two files know: some lists have odd ends


def read(path: Path, owner: str) -> dict[str, Any]:
    """Return what one of a tokenizer's files of JSON holds, within bounds.

    Raises:
        CheckpointError: it is too large, no JSON object, or holds what could go on without end.
    """
    try:
        said = parsed_json(files.read_regular(path, LARGEST))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path.name} of {owner} cannot be read as JSON: {first_line(error)}. Copy the model "
            "again."
        ) from error
    if not isinstance(said, dict):
        raise CheckpointError(f"{path.name} of {owner} must be a JSON object. Copy it again.")
    signs = max(_count(said, "added_tokens"), _count(said, "added_tokens_decoder"))
    if path.name == "added_tokens.json":
        signs = len(said)
    if signs > _MOST_SIGNS:
        raise _refused(path, owner, f"adds {signs:,} signs, more than {_MOST_SIGNS:,}")
    growth = _growth(said.get("normalizer"))
    if growth > _MOST_GROWTH:
        raise _refused(path, owner, f"may make a text {growth:.0e} times as long")
    model = said.get("model")
    longest = model.get("max_input_chars_per_word") if isinstance(model, dict) else None
    if isinstance(longest, int) and longest > _LONGEST_WORD:
        raise _refused(path, owner, f"takes words of {longest:,} letters")
    return said


def check_count(path: Path, said: dict[str, Any], known: int, owner: str) -> None:
    """Check that a list of pieces is not far longer than what the network knows.

    Args:
        path: Of one of a tokenizer's files.
        said: What it holds, where it is JSON.
        known: How many pieces the network knows.
        owner: The model's reference.

    Raises:
        CheckpointError: it is, and would take long to be read.
    """
    model = said.get("model")
    count = _count(model, "vocab") if isinstance(model, dict) else 0
    if path.name == "vocab.json":
        count = len(said)
    elif path.suffix == ".txt":
        count = files.read_regular(path, LARGEST).count(b"\n")
    if count > known + _MOST_SIGNS:
        raise CheckpointError(
            f"{path.name} of {owner} has {count:,} pieces, but the network knows {known:,} of "
            "them. Give the tokenizer that it was trained with."
        )


def check_agreement(folder: Path, vocabulary: dict[str, int], owner: str) -> None:
    """Check that the lists of pieces beside tokenizer.json number them as it does.

    Raises:
        CheckpointError: one does not.
    """
    for name in ("vocab.txt", "vocab.json"):
        path = folder / name
        if not files.is_file(path):
            continue
        if name == "vocab.json":
            numbers = read(path, owner)
        else:
            lines = files.read_regular(path, LARGEST).decode(errors="replace").split("\n")
            numbers = {line.rstrip("\r"): number for number, line in enumerate(lines)}
        both = [piece for piece in numbers if piece in vocabulary]
        others = [piece for piece in both if numbers[piece] != vocabulary[piece]]
        if len(others) > (1 - _AGREED) * len(both):
            raise CheckpointError(
                f"tokenizer.json and {name} of {owner} disagree: {quoted(others[0])} is piece "
                f"{vocabulary[others[0]]:,} in one and {numbers[others[0]]} in the other. Leave "
                "the one in the folder that it was trained with."
            )


def _refused(path: Path, owner: str, what: str) -> CheckpointError:
    return CheckpointError(
        f"{path.name} of {owner} {what}, as no tokenizer does. Give the tokenizer that the model "
        "was trained with."
    )


def _count(said: dict[str, Any], name: str) -> int:
    found = said.get(name)
    return len(found) if isinstance(found, list | dict) else 0


def _growth(part: object) -> float:
    """Return how many times as long a text may become in a tokenizer's normalizer, at most.

    Of those, a chain of replacements alone can do without end.
    """
    if not isinstance(part, dict):
        return 1.0
    parts = part.get("normalizers")
    if isinstance(parts, list):
        found = 1.0
        for one in parts:
            found = min(found * _growth(one), 1e300)
        return found
    pattern, content = part.get("pattern"), part.get("content")
    if not isinstance(pattern, dict) or not isinstance(content, str):
        return 1.0
    literal = pattern.get("String")
    if isinstance(literal, str) and literal:
        return max(1.0, len(content) / len(literal))
    return 1.0 + len(content)  # it may match where nothing is, beside every letter
