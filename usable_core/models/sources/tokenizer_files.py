"""The tokenizer in a folder of the hub's form, as transformers itself makes it of the files there.

It sees a copy of those files alone, and their settings without what names code or other files.
"""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoTokenizer, PretrainedConfig, PreTrainedTokenizerFast

from usable_core import files
from usable_core.catalog.hub import CONFIG_FILE, TOKENIZERS
from usable_core.errors import CheckpointError, first_line
from usable_core.inputs.tokens import LONGEST, Tokens
from usable_core.json_files import read_json
from usable_core.models.modes import frozen
from usable_core.models.sources.classifiers import of_network
from usable_core.models.sources.loaded_networks import quiet
from usable_core.models.trial import NOT_OURS

_SETTINGS = "tokenizer_config.json"
_UNBOUNDED = 10**6  # pieces: transformers writes 10^30 where it knows no bound
_LARGEST = 200 * 2**20  # bytes of one of its files; those of 250,000 pieces have 17 MB


def tokens_of(folder: Path, config: PretrainedConfig, network: nn.Module, owner: str) -> Tokens:
    """Return what a classifier of texts takes.

    Args:
        folder: Of the hub's form.
        config: Of the network.
        network: Token numbers to logits.
        owner: The model's reference, for sentences.

    Raises:
        CheckpointError: there is no tokenizer that can be used, or the network knows fewer pieces.
    """
    made = _tokenizer(folder, owner)
    tokenizer = Tokenizer.from_str(made.backend_tokenizer.to_str())
    special = {one.content for one in tokenizer.get_added_tokens_decoder().values() if one.special}
    numbered = (number for piece, number in tokenizer.get_vocab().items() if piece not in special)
    known, largest = config.vocab_size, max(numbered, default=-1)
    if largest >= known:
        raise CheckpointError(
            f"The tokenizer of {owner} numbers its pieces up to {largest:,}, but the network knows "
            f"{known:,} of them. Give the tokenizer that it was trained with."
        )
    said, most = made.model_max_length, _positions(config)
    own = said if isinstance(said, int) and 0 < said < _UNBOUNDED else None
    most = min(filter(None, (own, most)), default=LONGEST)
    where = "tokenizer.json" if files.is_file(folder / TOKENIZERS[0]) else "the tokenizer's files"
    sources = {"tokenizer": where, "longest": f"at most {LONGEST}, for all models alike"}
    ends = (made.eos_token_id, made.bos_token_id, made.pad_token_id)
    end = next((number for number in ends if number is not None and number < known), 0)
    is_masked = made.mask_token_id is not None and made.mask_token_id < known
    mask = str(made.mask_token) if is_masked else None
    takes = Tokens(tokenizer, min(most, LONGEST), most, known, mask, end, sources)
    return _that_runs(takes, network, owner)


def _tokenizer(folder: Path, owner: str) -> PreTrainedTokenizerFast:
    found = [folder / name for name in TOKENIZERS if files.is_file(folder / name)]
    if not found:
        raise CheckpointError(
            f"{owner} has no tokenizer: expected tokenizer.json in its folder. Write it there with "
            "tokenizer.save_pretrained(FOLDER)."
        )
    with tempfile.TemporaryDirectory() as place:
        for path in found:
            if path.stat().st_size > _LARGEST:
                raise CheckpointError(
                    f"{path.name} of {owner} has {files.size_said(path.stat().st_size)}, more than "
                    "any tokenizer. Fetch or copy the model again."
                )
            if path.name != _SETTINGS:
                shutil.copyfile(path, Path(place) / path.name)
        settings = _settings(folder / _SETTINGS, owner)
        (Path(place) / _SETTINGS).write_text(json.dumps(settings), encoding="utf-8")
        said = of_network(read_json(folder / CONFIG_FILE))
        (Path(place) / CONFIG_FILE).write_text(json.dumps(said), encoding="utf-8")
        try:
            with quiet():
                made = AutoTokenizer.from_pretrained(
                    place, use_fast=True, trust_remote_code=False, local_files_only=True
                )
        except Exception as error:  # each class of transformers reads its own files
            raise CheckpointError(
                f"The tokenizer of {owner} cannot be read: {first_line(error)}. Write it anew with "
                "tokenizer.save_pretrained(FOLDER)."
            ) from error
    if not isinstance(made, PreTrainedTokenizerFast):
        raise CheckpointError(
            f"The tokenizer of {owner} is written in Python, and a tokenizer.json is expected. "
            "Write one with a fast tokenizer of transformers."
        )
    return made


def _settings(path: Path, owner: str) -> dict[str, Any]:
    """Return a tokenizer's settings without what names code, or files elsewhere."""
    if not files.is_file(path):
        return {}
    try:
        said = read_json(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path.name} of {owner} cannot be read as JSON: {first_line(error)}. Copy the model "
            "again."
        ) from error
    if not isinstance(said, dict):
        raise CheckpointError(f"{path.name} of {owner} must be a JSON object. Copy it again.")
    dropped = ("auto_map", "name_or_path", "processor_class", "chat_template")
    return {k: v for k, v in said.items() if k not in dropped and not k.endswith("_file")}


def _positions(config: PretrainedConfig) -> int | None:
    """Return how many pieces a network has places for; None where that is without bound."""
    for name in ("max_position_embeddings", "n_positions", "max_seq_len"):
        found = getattr(config, name, None)
        if isinstance(found, int) and found > 0:
            return found
    return None


def _that_runs(takes: Tokens, network: nn.Module, owner: str) -> Tokens:
    """Return what a network takes, of the longest texts that it does take.

    Some networks count places from behind the number of what fills up, and so have fewer.

    Raises:
        CheckpointError: it takes none.
    """
    first = cast(int, takes.blank(1)[0, 0, 0, 0].item())
    for fewer in (0, 1, 2, 4):
        longest = takes.longest - fewer
        try:
            with frozen(network), torch.no_grad():
                network(torch.full((1, 1, 1, longest), first))
        except NOT_OURS as error:
            why = first_line(error)
        else:
            return replace(takes, longest=longest, most=takes.most - fewer)
    raise CheckpointError(
        f"{owner} does not take texts of {takes.longest} pieces, as its files say ({why}). Correct "
        "max_position_embeddings in config.json."
    )
