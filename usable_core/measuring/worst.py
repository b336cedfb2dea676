"""The validation examples of a training with the largest losses: what it still gets wrong."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.datasets import load_dataset
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import training_splits
from usable_core.errors import ConfigError
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.evaluations.rehearsal import Worst
from usable_core.evaluations.specs import DatasetSpec, Report
from usable_core.measuring.accuracy import outcomes
from usable_core.measuring.memory import ModelCache
from usable_core.measuring.provenance import is_drawn_by_position
from usable_core.models.model import Model

MOST = 24
CHUNK = 256  # examples in memory
BATCH = 64
LONGEST = 20_000  # letters of a text


def answer(
    request: ImageRequest,
    models: ModelCache,
    image: object,
    folder: Path,
    publish: Callable[[Answer], None],
) -> None:
    """Answer a question of the kind `worst`; see `measuring.interactive.answer`.

    Raises:
        UsableError: the model or the data cannot be read.
        Cancelled: through `publish`.
    """
    if request.training is None:
        raise ConfigError("Validation examples are of a training, and none was named. Name one.")

    def report(done: int, total: int, message: str, **metrics: float) -> None:
        publish(Answer("working", done=done, total=total))

    report(0, 0, "")
    spec = request.training.dataset
    found = worst(models.get(request.model), load_dataset(spec.reference), spec, report)
    publish(Answer("done", worst=found))


def worst(model: Model, dataset: Dataset, spec: DatasetSpec, report: Report) -> tuple[Worst, ...]:
    """Return the validation examples with the largest losses, the largest first.

    Args:
        model: What came of the training, on the device that answers.
        dataset: The whole data set that it was trained on.
        spec: Which part of that the training was given.
        report: Told the progress.

    Raises:
        UsableError: the data cannot be trained on (any more).
        Cancelled: through `report`.
    """
    _, held_out = training_splits(dataset, spec, by_position=is_drawn_by_position(model))
    found: list[Worst] = []
    with Oracle(model, fixed_size=BATCH) as oracle:
        for places, x in _read(held_out, model):
            answered = oracle.stream(len(x), lambda part, x=x: x[part].to(model.device))
            logits = np.concatenate([rows.cpu().double().numpy() for _, rows in answered])
            table = outcomes(logits, held_out.targets[places])
            for row, place in enumerate(places):
                found.append(
                    Worst(
                        id=held_out.ids[place],
                        true=held_out.labels.names[int(table["label"][row])],
                        prediction=model.labels.names[int(table["prediction"][row])],
                        confidence=float(table["confidence"][row]),
                        loss=float(table["nll"][row]),
                        text=held_out[place][0][:LONGEST] if held_out.kind == "text" else "",
                    )
                )
            found = sorted(found, key=lambda one: -one.loss)[:MOST]
            report(places[-1] + 1, len(held_out), "Asking about validation examples")
    return tuple(found)


def _read(held_out: Dataset, model: Model) -> Iterator[tuple[list[int], Tensor]]:
    """Yield examples a few at a time, as a model takes them, and which these are."""
    for begin in range(0, len(held_out), CHUNK):
        places = range(begin, min(begin + CHUNK, len(held_out)))
        read = {place: held_out.tried(place, model.input.read) for place in places}
        known = {place: x for place, x in read.items() if x is not None}
        if known:
            yield list(known), model.input.stack(list(known.values()))
