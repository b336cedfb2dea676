"""What a model says to pictures: the most probable classes, calibrated where that is known."""

from usable_core.asking.oracle import Oracle
from usable_core.evaluations.explained import Prediction
from usable_core.evaluations.specs import require
from usable_core.measuring.instances import top_predictions
from usable_core.measuring.provenance import ready
from usable_core.models.model import Model
from usable_core.models.pixels import pixels_of


def predict(model: Model, images: object, *, top: int = 5) -> list[tuple[Prediction, ...]]:
    """Return the `top` most probable classes of each image; see `Model.predict`."""
    require(isinstance(top, int) and top >= 1, "top", "a number of classes from 1", top)
    x = pixels_of(images, model.preprocessing)
    oracle = Oracle(ready(model))
    answers = oracle.stream(len(x), lambda part: x[part].to(model.device))
    return [
        top_predictions(model, logits, top) for _, rows in answers for logits in rows.cpu().double()
    ]
