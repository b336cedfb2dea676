"""The card inside what was exported here: in a program, an ONNX graph, or a config.json."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from usable_core.catalog.models import CARD_FILE, TOKENIZER_FILE
from usable_core.errors import CheckpointError
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.json_files import LARGEST_JSON, parsed_json
from usable_core.labels import LabelSpace
from usable_core.models.cards import checked
from usable_core.models.sources.saved_tokens import tokens_of_text

ENTRY = "usable"  # of a config.json
# What such a folder says by itself, in the form of its own library.
_TOLD = ("architecture", "arch_options", "labels", "labels_named", "preprocessing", "tokens")


@dataclass(frozen=True)
class Inside:
    """What a file says of the network in it.

    Attributes:
        takes: What it takes; pictures are normalised inside.
        labels: Its classes.
        card: All of the card.
    """

    takes: Input
    labels: LabelSpace
    card: dict[str, Any]


def inside(said: Mapping[str, str | bytes], owner: str) -> Inside | None:
    """Return what a file says of the network in it; None of one that was not exported here.

    Args:
        said: Its metadata, by name.
        owner: The model's reference, for sentences.

    Raises:
        CheckpointError: the card cannot be read, or says what cannot be.
    """
    if not said.get(CARD_FILE):
        return None
    text = said[CARD_FILE]
    content = text.encode(errors="backslashreplace") if isinstance(text, str) else text
    try:
        if len(content) > LARGEST_JSON:
            raise ValueError(f"it has more than {LARGEST_JSON // 2**20} MB")
        card = parsed_json(content)
        if not isinstance(card, dict):
            raise ValueError("it is no object of named fields")
    except ValueError as error:
        raise CheckpointError(
            f"The card in {owner} cannot be read as JSON: {error}. Export the model again."
        ) from error
    told = checked(card, owner)
    labels = LabelSpace(told.labels, told.labels_named)
    if told.tokens is not None:
        tokenizer = said.get(TOKENIZER_FILE, "")
        content = tokenizer.encode() if isinstance(tokenizer, str) else tokenizer
        return Inside(tokens_of_text(content, told.tokens, owner), labels, card)
    assert told.preprocessing is not None
    return Inside(told.preprocessing, labels, card)


def entry_of(config: dict[str, Any], owner: str) -> dict[str, Any]:
    """Take the card out of a configuration, and return what it tells beyond that.

    Raises:
        CheckpointError: an entry of the card is something else than it must be.
    """
    said = config.pop(ENTRY, None)
    if not isinstance(said, dict):
        return {}
    checked(said, owner)
    return {name: value for name, value in said.items() if name not in _TOLD}


def outside(takes: Preprocessing) -> Preprocessing:
    """Return what is left to be done with pictures where the network normalises by itself."""
    plain = Preprocessing(takes.resize, takes.crop)
    own = ("mean", "std", "channels", "channel_order")
    sources = dict(takes.sources)
    for name in ("mean", "std"):
        values = ", ".join(f"{value:g}" for value in getattr(takes, name))
        where = takes.sources.get(name, "unknown")
        sources[name] = f"{where}; the network normalises inside, by {values}"
    return replace(takes, sources=sources, **{name: getattr(plain, name) for name in own})


def check_size(found: Inside, size: tuple[int, int], owner: str) -> None:
    """Check that a card is of a network of such pictures.

    Raises:
        CheckpointError: it is not.
    """
    takes = found.takes
    if not isinstance(takes, Preprocessing) or takes.crop != size:
        crop = takes.crop if isinstance(takes, Preprocessing) else "texts"
        raise CheckpointError(
            f"The card in {owner} is of {crop}, and the network takes {size}. Export it again."
        )
