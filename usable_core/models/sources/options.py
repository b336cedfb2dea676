"""What the sources that build networks share: options, class counts, and torch's cache."""

import ast
import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import torch
from torch import nn

from usable_core.errors import CheckpointError, UnknownName, first_line
from usable_core.models.heads import head

Number = int | float
OptionValue = str | Number | bool | tuple[Number, ...] | None
_LARGEST = 10**6  # no width, number of classes or base of frequencies is larger
_LONGEST = 200  # characters of a value that is read as numbers


def call_builder(
    name: str, builder: Callable[..., nn.Module], options: Mapping[str, str], settings: Set[str]
) -> nn.Module:
    """Return a network with random weights, built with the user's options.

    Options come from links and from files of others too, so what is not plainly a setting of the
    architecture (`settings_of`) never reaches the builder, which may open files by some names.

    Args:
        name: The reference, for sentences.
        builder: Called with the options.
        options: What the user or a card says.
        settings: The options that may be said.

    Raises:
        UnknownName: an option that is no setting of the architecture.
        CheckpointError: a value that is no setting's, or that the architecture refuses.
    """
    if "weights" in options or "pretrained" in options:
        raise CheckpointError(
            "Weights are no option of an architecture. Name them in the reference "
            "(torchvision/NAME@WEIGHTS, timm/NAME.TAG) or give a file (--weights FILE)."
        )
    if unknown := sorted(options.keys() - settings):
        raise UnknownName(f"option of {name}", unknown[0], settings)
    values = {key: value_of(text) for key, text in options.items()}
    for key, value in values.items():
        if not _is_plain_value(value):
            raise CheckpointError(
                f"The option {key} of {name} must be a number, several (64,96), true, false, none "
                f"or one short word, but is {str(value)[:80]!r}. Correct it, or leave it out."
            )
    try:
        return builder(**values)
    except OSError:  # published weights that cannot be had
        raise
    except Exception as error:  # builders raise anything on numbers that do not fit
        if not options:
            raise
        shown = ", ".join(f"{key}={value}" for key, value in options.items())
        raise CheckpointError(
            f"{name} cannot be built with {shown}: {first_line(error)}."
        ) from error


def settings_of(builder: Callable[..., nn.Module]) -> frozenset[str]:
    """Return what can be set of the architecture that a function builds.

    These are the parameters of the network's class, and of the configuration that it takes more of
    them for, that are numbers, switches or words by their types. So nothing that a builder itself
    takes is one of them: weights, paths, configurations of weights, other outputs, callables.

    Args:
        builder: Its return type is the network's class; otherwise there are no settings.
    """
    network = get_type_hints(builder).get("return")
    found: set[str] = set()
    for part in network.__mro__ if isinstance(network, type) else ():
        construct = vars(part).get("__init__")
        if construct is None or part is nn.Module:
            continue
        hints, parameters = get_type_hints(construct), inspect.signature(construct).parameters
        found |= {key for key, hint in hints.items() if _is_plain_type(hint)}
        if all(each.kind is not each.VAR_KEYWORD for each in parameters.values()):
            break
        for own in hints.values():
            for said in (own, *get_args(own)):
                if dataclasses.is_dataclass(said):
                    fields = get_type_hints(said)
                    found |= {key for key, hint in fields.items() if _is_plain_type(hint)}
    return frozenset(found - inspect.signature(builder).parameters.keys() - {"return"})


def _is_plain_type(hint: object) -> bool:
    """Tell whether a type admits a number, a switch, a word or several numbers."""
    parts = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return any(_is_plain_type(part) for part in parts)
    if get_origin(hint) in (list, tuple, Sequence):
        return any(part in (int, float, bool) for part in parts)
    return hint in (int, float, bool, str) or get_origin(hint) is Literal


def _is_plain_value(value: object) -> bool:
    """Tell whether a value is usual numbers or a word, which names no file and no address."""
    if isinstance(value, str):
        return re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}", value) is not None
    parts = value if isinstance(value, tuple) else (value,)
    return value is None or all(isinstance(p, Number) and abs(p) <= _LARGEST for p in parts)


def value_of(text: object) -> OptionValue:
    """Return the value of an option's text: a number, several, true, false, none, or the text.

    Several numbers are written (64,96), or 64x96 as sizes are.
    """
    if not isinstance(text, str):
        return tuple(text) if isinstance(text, list) else text  # type: ignore[return-value]
    if len(text) > _LONGEST:
        return text
    words: dict[str, bool | None] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if re.fullmatch(r"\d+([x×]\d+)+", text):
        return tuple(int(side) for side in re.split("[x×]", text))
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    if isinstance(value, list | tuple) and all(isinstance(part, int | float) for part in value):
        return tuple(value)
    return value if isinstance(value, int | float) else text


def number_of_classes(network: nn.Module) -> int:
    """Return how many logits a network has, from its head.

    Raises:
        CheckpointError: it has none.
    """
    layers = [m for m in head(network).modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    if not layers:
        raise CheckpointError(
            "The network has no head that gives logits. Build it with its classes: --arch-option "
            "num_classes=…"
        )
    last = layers[-1]
    return last.out_features if isinstance(last, nn.Linear) else last.out_channels


def default_hub_folder() -> Path:
    """Return where torch keeps downloaded weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"
