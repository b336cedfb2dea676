"""The backbone whose adversarial images are tried on another, for the black-box check."""

import torch
from torch import Tensor

from usable_core.errors import ConfigError
from usable_core.measuring.examples import Examples
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import ready
from usable_core.models.model import Model


def check_surrogate(model: Model, surrogate: Model | None, examples: Examples) -> None:
    """Check that another backbone sees what the model sees, and knows as many classes.

    Raises:
        ConfigError: it takes images of another size or knows more or fewer classes.
        NoGradients: it has none.
        IncompatibleLabels: it does not know the data set's classes.
    """
    if surrogate is None:
        return
    ready(surrogate)
    surrogate.require_gradients("What is tried from a surrogate", "Choose another surrogate.")
    target_indices(surrogate, examples.dataset)
    ours, theirs = (
        f"{len(m.labels)} classes at {m.input_size[0]} x {m.input_size[1]} pixels"
        for m in (model, surrogate)
    )
    if ours != theirs:
        raise ConfigError(
            f"The surrogate {surrogate.name} must see what the model sees: {ours}, but it knows "
            f"{theirs}. Choose another surrogate."
        )


def labels_of(surrogate: Model | None, examples: Examples, indices: Tensor) -> Tensor | None:
    """Return the true classes (n,) of some examples as the surrogate numbers them."""
    if surrogate is None:
        return None
    targets = examples.dataset.targets[indices.numpy()]
    return torch.from_numpy(target_indices(surrogate, examples.dataset)[targets])
