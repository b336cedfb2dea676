"""What the sources that build networks share: options, class counts, and failed downloads."""

import ast
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from usable_core.errors import CheckpointError
from usable_core.models.heads import head

Number = int | float
OptionValue = str | Number | bool | tuple[Number, ...] | None


def call_builder(
    name: str, builder: Callable[..., nn.Module], options: Mapping[str, str]
) -> nn.Module:
    """Return a network with random weights, built with the user's options.

    Raises:
        CheckpointError: an option that the architecture does not have, or a value it refuses.
    """
    if "weights" in options or "pretrained" in options:
        raise CheckpointError(
            "Weights are no option of an architecture. Name them in the reference "
            "(torchvision/NAME@WEIGHTS, timm/NAME.TAG) or give a file (--weights FILE)."
        )
    try:
        return builder(**{key: value_of(text) for key, text in options.items()})
    except (TypeError, ValueError, AssertionError, AttributeError, KeyError, RuntimeError) as error:
        if not options:
            raise
        shown = ", ".join(f"{key}={value}" for key, value in options.items())
        raise CheckpointError(f"{name} cannot be built with {shown}: {error}.") from error


def value_of(text: object) -> OptionValue:
    """Return the value of an option's text: a number, several, true, false, none, or the text.

    Several numbers are written (64,96), or 64x96 as sizes are.
    """
    if not isinstance(text, str):
        return text  # type: ignore[return-value]
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


def missing_download(
    reference: str, url: str, cache: Path, filename: str, error: Exception
) -> CheckpointError:
    """Return the error that says which file is missing, where it was looked for, and what to do."""
    reason = str(getattr(error, "reason", error)).strip().splitlines()
    return CheckpointError(
        f"The weights of {reference} are not on this machine and could not be downloaded "
        f"({reason[0] if reason else type(error).__name__}). Wanted: {url}. Looked in the cache "
        f"{cache}. Put the file there as {filename}, or give a file that you have: --weights FILE."
    )


def default_hub_folder() -> Path:
    """Return where torch keeps downloaded weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"
