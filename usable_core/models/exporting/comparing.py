"""Whether what was written is the model: read again, it must see and say the same."""

from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from usable_core.errors import ExportError
from usable_core.evaluations.exported import TOLERANCE
from usable_core.evaluations.specs import ModelSpec
from usable_core.images import gallery
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models import load_model
from usable_core.models.model import Model
from usable_core.records import shown

_PICTURES = 2
_TEXTS = (
    "An unexpectedly moving film with a wonderful cast.",
    "Dull.",
    "Nothing of what was promised came, and what came was late: the price, though, was full.",
)
# Width and height of pictures, on which two ways of resizing and cropping must show the same part.
_SIZES = [(width, height) for width in range(96, 112) for height in (31, 96, 103, 333)]


@dataclass(frozen=True)
class Difference:
    """How far two models' answers are apart.

    Attributes:
        largest_difference: Between two logits of the same example and class.
        largest_logit: The largest logit, whatever its sign.
        examples: On how many examples.
    """

    largest_difference: float
    largest_logit: float
    examples: int

    @property
    def is_small(self) -> bool:
        """Whether it is within the tolerance; NaN is not."""
        return self.largest_difference <= TOLERANCE * self.largest_logit


def loaded(reference: str) -> Model:
    """Return the model in a file or folder that was just written here."""
    return load_model(ModelSpec(reference, trust=True))


def difference(model: Model, other: Model) -> Difference:
    """Return how far apart two models are on the same pictures or texts, alone and together.

    Raises:
        ExportError: the other prepares its input in another way, or has other classes.
    """
    if other.labels.names != model.labels.names:
        raise ExportError(
            f"What was exported has other classes than {model.name}: {shown(other.labels.names)} "
            f"for {shown(model.labels.names)}."
        )
    x, own = _examples(model), _examples(other)
    if x.shape != own.shape or not torch.equal(x, own) or not _is_seen_alike(model, other):
        raise ExportError(
            f"The format has no words for how {model.name} prepares its input: what was exported "
            "would do it in another way. Export it as safetensors, onnx or program."
        )
    with torch.no_grad():
        asked = torch.cat([model(x), model(x[:1])])
        said = torch.cat([other(x), other(x[:1])])
    largest = float(asked.abs().max())
    if said.shape != asked.shape:
        return Difference(inf, largest, len(x))
    return Difference(float((asked - said).abs().max()), largest, len(x))


def _examples(model: Model) -> Tensor:
    """Return what a model sees of some pictures or texts, each of another size."""
    takes = model.input
    if not isinstance(takes, Preprocessing):
        return takes.stack([takes.read(text) for text in _TEXTS])
    pictures = [takes.geometry(picture.open()) for picture in gallery()[:_PICTURES]]
    return torch.cat([takes.trial(), *(picture[None] for picture in pictures)])


def _is_seen_alike(model: Model, other: Model) -> bool:
    """Tell whether two models show the same part of pictures of any size."""
    one, another = model.input, other.input
    if not isinstance(one, Preprocessing) or not isinstance(another, Preprocessing):
        return type(one) is type(another)
    return all(one.seen(size) == another.seen(size) for size in _SIZES)
