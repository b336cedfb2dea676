"""One pass of a model that was just loaded: what it cannot do is said before any work begins."""

import torch
from torch import Tensor

from usable_core.errors import ConfigError, first_line
from usable_core.models.model import Model
from usable_core.models.sources.passports import first_channels

# What code of a network raises on images of another size.
NOT_OURS = (RuntimeError, TypeError, ValueError, AssertionError, IndexError, AttributeError)


def try_out(model: Model) -> None:
    """Check that a model gives one logit per class for a picture of its own input size.

    Raises:
        ConfigError: it does not.
    """
    height, width = model.input_size
    try:
        with torch.no_grad():
            logits = model(torch.full((1, 3, height, width), 0.5, device=model.device))
    except NOT_OURS as error:
        channels = first_channels(model.network)
        why = f"its first convolution takes {channels} channels, but pictures have 3 (or 1, grey)"
        said = first_line(error) if channels in (1, 3) else why
        raise ConfigError(
            f"{model.name} does not take pictures of {height} × {width} pixels ({said}). Leave "
            "crop and the options of its input out, or choose others."
        ) from error
    shown = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if shown != (1, len(model.labels)):
        raise ConfigError(
            f"{model.name} must give logits of shape (1, {len(model.labels)}) for one picture, one "
            f"for each class, but gives {shown}. Leave out the options that change its output."
        )
