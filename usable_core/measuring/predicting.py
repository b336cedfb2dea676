"""What a model says to pictures: the most probable classes, calibrated where that is known."""

from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.evaluations.explained import Prediction
from usable_core.evaluations.specs import require
from usable_core.inputs.input import Input
from usable_core.measuring.instances import top_predictions
from usable_core.measuring.provenance import ready
from usable_core.models.model import Model
from usable_core.models.pixels import pixels_of


def texts_of(texts: object, prepared: Input) -> Tensor:
    """Return a text, or a list of them, as a batch (N, 1, 1, L).

    Raises:
        TextRefused: one is no text that can be used.
    """
    found = texts if isinstance(texts, list | tuple) else [texts]
    return prepared.stack([prepared.read(text) for text in found])


def predict(model: Model, images: object, *, top: int = 5) -> list[tuple[Prediction, ...]]:
    """Return the `top` most probable classes of each image; see `Model.predict`."""
    require(isinstance(top, int) and top >= 1, "top", "a number of classes from 1", top)
    x = (
        texts_of(images, model.input)
        if model.kind == "text"
        else pixels_of(images, model.preprocessing)
    )
    oracle = Oracle(ready(model))
    answers = oracle.stream(len(x), lambda part: x[part].to(model.device))
    return [
        top_predictions(model, logits, top) for _, rows in answers for logits in rows.cpu().double()
    ]
