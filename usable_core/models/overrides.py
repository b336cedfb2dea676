"""A passport whose values the user knows better: `mean=0.5,0.5,0.5`, `resize=256`, `crop=224`.

For weights that came without their preprocessing, or with that of others of the same name.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypedDict, cast, get_args

from usable_core.errors import ConfigError, UnknownName
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import (
    LARGEST_CROP,
    LARGEST_SIDE,
    ChannelOrder,
    CropAnchor,
    Interpolation,
    Preprocessing,
)
from usable_core.models.model import Model

GIVEN = "given by the user"


class _Values(TypedDict, total=False):
    resize: int | tuple[int, int] | None
    crop: tuple[int, int]
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_anchor: CropAnchor
    channel_order: ChannelOrder


def with_preprocessing(model: Model, pairs: Iterable[tuple[str, str]]) -> Model:
    """Return the model with some values of its passport replaced, as `overridden` does.

    Raises:
        ConfigError: a value is not what its field takes.
        UnknownName: no such field.
    """
    if model.kind == "text":
        takes: Input = _cut_at(model.input, pairs)
    else:
        takes = overridden(model.preprocessing, pairs)
    return Model(model.name, model.network, takes, model.labels, model.card, model.notes)


def _cut_at(takes: Any, pairs: Iterable[tuple[str, str]]) -> Input:  # noqa: ANN401 - `Tokens`
    """Return what a model of texts takes with another `longest`, in pieces."""
    for field, text in pairs:
        if field != "longest":
            raise UnknownName("field of the preprocessing", field, ["longest"])
        if not re.fullmatch(r"\d{1,6}", text.strip()) or not 3 <= int(text) <= takes.most:
            raise ConfigError(
                f"longest must be a number of pieces from 3 to {takes.most:,}, which the network "
                f"can read, but is {text!r}."
            )
        takes = replace(takes, longest=int(text), sources={**takes.sources, "longest": GIVEN})
    return cast(Input, takes)


def overridden(passport: Preprocessing, pairs: Iterable[tuple[str, str]]) -> Preprocessing:
    """Return a passport with the fields of `pairs` replaced and marked as given by the user.

    Args:
        passport: What the source of the model says.
        pairs: Field to text: `resize` (short side, HEIGHTxWIDTH, or none), `crop` (side or
            HEIGHTxWIDTH), `interpolation`, `mean` and `std` (one number or three, for 0 to 1),
            `crop_anchor` (round, floor) and `channel_order` (rgb, bgr).

    Raises:
        ConfigError: a value is not what its field takes.
        UnknownName: no such field.
    """
    values: _Values = {}
    for field, text in pairs:
        if field not in _READERS:
            raise UnknownName("field of the preprocessing", field, _READERS)
        values.update(_READERS[field](text.strip().lower()))
    if max(values.get("crop", (0, 0))) > LARGEST_CROP * (own := max(passport.crop)):
        raise ConfigError(
            f"crop must be at most {LARGEST_CROP} times the {own} pixels that the source of the "
            f"model says, {LARGEST_CROP * own}, but is {' × '.join(map(str, values['crop']))}. "
            "Choose a smaller one, or a network for larger pictures."
        )
    return replace(passport, **values, sources={**passport.sources, **dict.fromkeys(values, GIVEN)})


def _resize(text: str) -> _Values:
    if text == "none":
        return {"resize": None}
    sides = _sides(text, "resize")
    return {"resize": sides[0] if len(sides) == 1 else (sides[0], sides[1])}


def _crop(text: str) -> _Values:
    sides = _sides(text, "crop")
    return {"crop": (sides[0], sides[-1])}


def _interpolation(text: str) -> _Values:
    for known in get_args(Interpolation):
        if text == known:
            return {"interpolation": known}
    raise UnknownName("interpolation", text, get_args(Interpolation))


def _crop_anchor(text: str) -> _Values:
    for known in get_args(CropAnchor):
        if text == known:
            return {"crop_anchor": known}
    raise UnknownName("crop anchor", text, get_args(CropAnchor))


def _channel_order(text: str) -> _Values:
    for known in get_args(ChannelOrder):
        if text == known:
            return {"channel_order": known}
    raise UnknownName("channel order", text, get_args(ChannelOrder))


def _mean(text: str) -> _Values:
    return {"mean": _channels(text, "mean", lambda value: 0 <= value <= 1, "in [0, 1]")}


def _std(text: str) -> _Values:
    return {"std": _channels(text, "std", lambda value: 1e-3 <= value <= 10, "from 0.001 to 10")}


_READERS: dict[str, Callable[[str], _Values]] = {
    "resize": _resize,
    "crop": _crop,
    "interpolation": _interpolation,
    "mean": _mean,
    "std": _std,
    "crop_anchor": _crop_anchor,
    "channel_order": _channel_order,
}


def _sides(text: str, field: str) -> list[int]:
    if re.fullmatch(r"\d{1,6}([x×]\d{1,6})?", text):
        sides = [int(side) for side in re.split("[x×]", text)]
        if all(1 <= side <= LARGEST_SIDE for side in sides):
            return sides
    raise ConfigError(
        f"{field} must be a number of pixels up to {LARGEST_SIDE}, such as 224 or 224x320 (height, "
        f"width), but is {text!r}."
    )


def _channels(
    text: str, field: str, fits: Callable[[float], bool], expected: str
) -> tuple[float, float, float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    found = found * 3 if len(found) == 1 else found
    if len(found) == 3 and all(math.isfinite(value) and fits(value) for value in found):
        return found[0], found[1], found[2]
    raise ConfigError(
        f"{field} must be one number or three (red, green, blue) {expected}, separated by commas, "
        f"in units where white is 1, but is {text!r}. Divide values for 0 to 255 by 255."
    )
