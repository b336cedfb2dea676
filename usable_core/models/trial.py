"""A pass of a model that was just loaded: what it cannot do is said before any work begins."""

from typing import TYPE_CHECKING

from torch import Tensor

from usable_core.errors import ConfigError, first_line
from usable_core.models.sources.passports import first_channels

if TYPE_CHECKING:
    from usable_core.models.model import Model

# What code of a network raises on images of another size.
NOT_OURS = (RuntimeError, TypeError, ValueError, AssertionError, IndexError, AttributeError)


def outputs_of(model: "Model", normalised: Tensor) -> Tensor:
    """Return what a model's network gives (N, classes), or (N, 1), for normalised images.

    Raises:
        ConfigError: it does not take them, or does not give one logit per class.
    """
    try:
        outputs: Tensor = model.network(normalised)
    except NOT_OURS as error:
        if model.kind == "text":
            raise ConfigError(
                f"{model.name} does not take texts of {normalised.shape[-1]} pieces "
                f"({first_line(error)}). Save the model anew, or choose another."
            ) from error
        height, width = model.input_size
        channels = first_channels(model.network)
        why = f"its first convolution takes {channels} channels, but pictures have 3 (or 1, grey)"
        said = first_line(error) if channels in (1, 3) else why
        raise ConfigError(
            f"{model.name} does not take pictures of {height} × {width} pixels ({said}). Leave "
            "crop and the options of its input out, or choose others."
        ) from error
    count, classes = len(normalised), len(model.labels)
    shown = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
    if shown == (count, classes) or (shown == (count, 1) and classes == 2):
        return outputs
    raise ConfigError(
        f"{model.name} must give logits of shape ({count}, {classes}), one for each class, but "
        f"gives {shown}. Leave out the options that change its output."
    )
