"""Words behind each text that ask a model of texts something, as "The mood of this text is".

A prompt is written into the tokenizer, as the signs that end a text are. So it stays whatever is
done to the text, is no word of it, costs a long text its end, and is saved where the tokenizer is.
"""

import json
from dataclasses import replace
from typing import Any

from tokenizers import Tokenizer

from usable_core.errors import ConfigError, TextRefused, quoted
from usable_core.inputs.input import Input
from usable_core.inputs.tokens import Tokens
from usable_core.texts import cleaned

_SIGN = "<prompt>"  # what the template calls it
_MOST = 2  # a prompt has at most so many times fewer pieces than are read
_BEFORE = ("a", "A plain sentence.")  # texts that a prompt is tried behind
_SPELT = {"BertProcessing", "RobertaProcessing"}  # ends of a text that are no template


def asked(takes: Input, prompt: str) -> Input:
    """Return what a model takes with the prompt of a question, if it has one.

    Raises:
        ConfigError: the model takes pictures, or as `with_prompt`.
    """
    if not prompt:
        return takes
    if not isinstance(takes, Tokens):
        raise ConfigError(
            "A prompt is read behind texts, and the model takes pictures. Leave it out."
        )
    return with_prompt(takes, prompt)


def with_prompt(takes: Tokens, prompt: str) -> Tokens:
    """Return what reads a prompt behind each text; the last one counts where there was another.

    Raises:
        ConfigError: it is no text, or too long, or the tokenizer does not read it as words of its
            own.
    """
    try:
        cleaned(prompt)
    except TextRefused as error:
        raise ConfigError(f"The prompt cannot be used: {error}") from error
    behind = prompt.rstrip() if prompt[0].isspace() else f" {prompt.rstrip()}"
    plain = Tokenizer.from_str(takes.identity)
    plain.no_truncation()
    first, whole = (
        plain.encode(text, add_special_tokens=False) for text in (_BEFORE[0], _BEFORE[0] + behind)
    )
    if whole.ids[: len(first.ids)] != first.ids or len(whole.ids) == len(first.ids):
        raise _unreadable(prompt)
    ids, pieces = whole.ids[len(first.ids) :], whole.tokens[len(first.ids) :]
    if len(ids) > takes.longest // _MOST or max(ids) >= takes.known:
        raise ConfigError(
            f"The prompt {quoted(prompt)} has {len(ids)} pieces, and the model reads at most "
            f"{takes.longest} of text and prompt together. Give one of at most "
            f"{takes.longest // _MOST}."
        )
    said = json.loads(takes.identity)
    said["post_processor"] = _ending(said["post_processor"], ids, pieces)
    sources = {**takes.sources, "prompt": "given for the training"}
    found = replace(
        takes, tokenizer=Tokenizer.from_str(json.dumps(said)), prompt=prompt, sources=sources
    )
    for text in _BEFORE * (not takes.prompt):
        if found.encoded(text).ids != takes.encoded(text + behind).ids:
            raise _unreadable(prompt)
    return found


def _unreadable(prompt: str) -> ConfigError:
    return ConfigError(
        f"The model's tokenizer does not read the prompt {quoted(prompt)} behind a text as it "
        "reads it alone. Begin the prompt with a word, or leave it out."
    )


def _ending(said: dict[str, Any] | None, ids: list[int], pieces: list[str]) -> dict[str, Any]:
    """Return what a tokenizer puts around a text, with a prompt behind the text itself."""
    own = [] if said is None else said["processors"] if said["type"] == "Sequence" else [said]
    parts = [spelt for part in own for spelt in _as_templates(part)]
    templates = [part for part in parts if part["type"] == "TemplateProcessing"]
    if not templates:
        templates = [_template([])]
        parts += templates
    single, signs = templates[0]["single"], templates[0]["special_tokens"]
    sign = {"SpecialToken": {"id": _SIGN, "type_id": 0}}
    if sign not in single:
        single.insert(1 + next(i for i, one in enumerate(single) if "Sequence" in one), sign)
    signs[_SIGN] = {"id": _SIGN, "ids": ids, "tokens": pieces}
    return {"type": "Sequence", "processors": parts}


def _as_templates(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a step of a tokenizer's ending, as templates where it is of an older form."""
    if part["type"] not in _SPELT:
        return [part]
    template = _template([part["cls"], part["sep"]])
    if part["type"] == "BertProcessing":
        return [template]
    spaces = {name: part[name] for name in ("add_prefix_space", "trim_offsets")}
    return [{"type": "ByteLevel", "use_regex": True, **spaces}, template]


def _template(ends: list[tuple[str, int]]) -> dict[str, Any]:
    """Return a template of a text between its two ends, if it has such."""
    around = [{"SpecialToken": {"id": name, "type_id": 0}} for name, _ in ends]
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [*around[:1], text, *around[1:]],
        "pair": [*around[:1], text, *around[1:], {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {name: {"id": name, "ids": [n], "tokens": [name]} for name, n in ends},
    }
