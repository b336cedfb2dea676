"""From an evaluation transform, by timm's names, and a network as it was built to its passport."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from usable_core.errors import CheckpointError, ConfigError
from usable_core.inputs.preprocessing import GUESS, Preprocessing
from usable_core.models.weights.facts import Facts

_OWN_SIZE = "the network's own input size"
# Which entries of a transform decide each field.
_DECIDE = {
    "resize": {"resize", "crop_pct", "input_size", "crop_mode"},
    "crop": {"input_size"},
    "interpolation": {"interpolation"},
    "mean": {"mean"},
    "std": {"std"},
}


@dataclass(frozen=True)
class Transform:
    """How the pictures of some weights are prepared, as their catalog says.

    Attributes:
        entries: By timm's names: input_size (channels, height, width), mean, std, interpolation,
            crop_mode, and crop_pct or (of the same meaning) resize.
        source: Where they come from.
        is_guess: The weights are not those of the catalog.
    """

    entries: Mapping[str, Any]
    source: str
    is_guess: bool = False


def passport(transform: Transform, facts: Facts, network: nn.Module) -> Preprocessing:
    """Return the passport of a network: of its catalog, its file's facts and its own build.

    Raises:
        CheckpointError: its pictures are padded instead of cropped, or its numbers fit no channels
            or no picture.
    """
    entries = _merged(transform.entries, facts.transform)
    own, sources = input_size(network), _sources(transform, facts)
    if own is not None and own != tuple(entries["input_size"][1:]):
        entries = {**entries, "input_size": (3, *own)}
        if isinstance(entries.pop("resize", None), tuple):
            entries["crop_pct"] = 1.0
        sources |= dict.fromkeys(("resize", "crop"), _OWN_SIZE)
    resize, crop = _geometry(entries)
    channels: Literal[1, 3] = 1 if first_channels(network) == 1 else 3
    try:
        return Preprocessing(
            resize=resize,
            crop=crop,
            interpolation=entries["interpolation"],
            mean=_per_channel(entries["mean"], "mean", channels),
            std=_per_channel(entries["std"], "std", channels),
            sources=sources,
            channels=channels,
        )
    except ConfigError as error:
        if not facts.transform:
            raise
        raise CheckpointError(f"{facts.source} cannot be used: {error} Correct it.") from error


def _merged(own: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    entries = {"crop_mode": "center", **own, **said}
    if "resize" in own and isinstance(own["resize"], int):  # the share that it stands for
        entries.setdefault("crop_pct", own["input_size"][-1] / own["resize"])
    if said.keys() & {"crop_pct", "input_size"} and "resize" not in said:
        entries.pop("resize", None)
    return entries


def _geometry(entries: Mapping[str, Any]) -> tuple[int | tuple[int, int], tuple[int, int]]:
    _, height, width = entries["input_size"]
    if entries["crop_mode"] not in ("center", "squash"):
        raise CheckpointError(
            "Expected a model of pictures that are cropped or squashed; this one has the crop mode "
            f"{entries['crop_mode']!r}. Choose another model."
        )
    if "resize" in entries:
        return entries["resize"], (height, width)
    scaled = [math.floor(side / entries["crop_pct"]) for side in (height, width)]
    if entries["crop_mode"] == "squash" or scaled[0] != scaled[1]:
        return (scaled[0], scaled[1]), (height, width)
    return scaled[0], (height, width)


def _sources(transform: Transform, facts: Facts) -> dict[str, str]:
    own = f"{GUESS}{transform.source}" if transform.is_guess else transform.source
    said = facts.transform.keys()
    return {name: facts.source if said & by else own for name, by in _DECIDE.items()}


def _per_channel(said: Any, name: str, channels: int) -> tuple[float, float, float]:  # noqa: ANN401
    """Return three numbers; for a grey network those of colours become their average."""
    values = [float(value) for value in said]
    if len(values) == 3 and channels == 1:
        values = [sum(values) / 3]
    values = values * 3 if len(values) == 1 else values
    if len(values) != 3:
        raise CheckpointError(
            f"{name} has {len(values)} numbers, but pictures have 1 or 3 channels. Networks of "
            "other channels cannot be used."
        )
    return values[0], values[1], values[2]


def input_size(network: nn.Module) -> tuple[int, int] | None:
    """Return the only size that a network takes, where it says one."""
    patches = getattr(network, "patch_embed", None)
    for holder, name in ((patches, "img_size"), (network, "image_size")):
        size = getattr(holder, name, None)
        if getattr(holder, "strict_img_size", True) and size is not None:
            return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    return None


def first_channels(network: nn.Module) -> int:
    """Return how many channels the first convolution of a network takes; 3 where it has none."""
    convolutions = (m for m in network.modules() if isinstance(m, nn.Conv2d))
    return next((c.in_channels for c in convolutions), 3)
