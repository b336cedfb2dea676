"""What a model of texts takes, as it is written beside its weights and read again."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from usable_core.catalog.models import TOKENIZER_FILE
from usable_core.errors import CheckpointError, first_line
from usable_core.files import is_file
from usable_core.inputs.tokens import Tokens
from usable_core.models.cards import TokensFacts


def said_of(takes: Tokens) -> dict[str, Any]:
    """Return what a card says of `takes`, whose tokenizer is written beside it."""
    digest = hashlib.sha256(takes.identity.encode()).hexdigest()
    own = {field.name for field in dataclasses.fields(TokensFacts)} - {"tokenizer_sha256"}
    facts = TokensFacts(digest, **{name: getattr(takes, name) for name in own})
    return dataclasses.asdict(facts)


def tokens_in(folder: Path, said: TokensFacts, owner: str) -> Tokens:
    """Return what a model of texts takes, with the tokenizer that lies in its folder.

    Raises:
        CheckpointError: the tokenizer is not there, another one, or none.
    """
    path = folder / TOKENIZER_FILE
    if not is_file(path):
        raise CheckpointError(
            f"{owner} is a model of texts, and {TOKENIZER_FILE} is not beside its weights. Copy "
            "the whole folder again."
        )
    return tokens_of_text(path.read_bytes(), said, owner)


def tokens_of_text(content: bytes, said: TokensFacts, owner: str) -> Tokens:
    """Return what a model of texts takes, with the tokenizer that its file's content is.

    Raises:
        CheckpointError: as `tokens_in`.
    """
    if hashlib.sha256(content).hexdigest() != said.tokenizer_sha256:
        raise CheckpointError(
            f"{TOKENIZER_FILE} of {owner} is not the one that the model was trained with. Copy the "
            "whole folder again, or train again."
        )
    try:
        tokenizer = Tokenizer.from_str(content.decode())
    except Exception as error:  # the library raises it bare
        raise CheckpointError(
            f"{TOKENIZER_FILE} of {owner} cannot be read: {first_line(error)}. Train again."
        ) from error
    facts = dataclasses.asdict(said)
    del facts["tokenizer_sha256"]
    return Tokens(tokenizer, **facts)
