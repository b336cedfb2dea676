"""The validation examples of a training with the largest losses: what it still gets wrong."""

from collections.abc import Callable
from pathlib import Path

from usable_core.asking.oracle import Oracle
from usable_core.datasets import load_dataset
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import batches
from usable_core.datasets.splits import parts_of
from usable_core.errors import ConfigError
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.evaluations.rehearsal import Worst
from usable_core.evaluations.specs import Report
from usable_core.evaluations.training import FineTuningConfig
from usable_core.measuring.accuracy import outcomes
from usable_core.measuring.memory import ModelCache
from usable_core.measuring.provenance import is_drawn_by_position
from usable_core.models.model import Model

MOST = 24
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
    config = request.training
    dataset = load_dataset(config.dataset.reference)
    found = worst(models.get(request.model), dataset, config, report)
    publish(Answer("done", worst=found))


def worst(
    model: Model, dataset: Dataset, config: FineTuningConfig, report: Report
) -> tuple[Worst, ...]:
    """Return the validation examples with the largest losses, the largest first.

    Args:
        model: What came of the training, on the device that answers.
        dataset: The whole data set that it was trained on.
        config: The training.
        report: Told the progress.

    Raises:
        UsableError: the data cannot be trained on (any more).
        Cancelled: through `report`.
    """
    _, held_out = parts_of(dataset, config, by_position=is_drawn_by_position(model))
    found: list[Worst] = []
    with Oracle(model, fixed_size=BATCH) as oracle:
        for x, labels, places in batches(held_out, model.input, BATCH):
            logits = oracle.logits(x.to(model.device)).cpu().double().numpy()
            table = outcomes(logits, labels.numpy())
            found += [
                Worst(
                    id=held_out.ids[place],
                    true=held_out.labels.names[int(table["label"][row])],
                    prediction=model.labels.names[int(table["prediction"][row])],
                    confidence=float(table["confidence"][row]),
                    loss=float(table["nll"][row]),
                    text=held_out[place][0][:LONGEST] if held_out.kind == "text" else "",
                )
                for row, place in enumerate(places.tolist())
            ]
            found = sorted(found, key=lambda one: -one.loss)[:MOST]
            report(int(places.max()) + 1, len(held_out), "Asking about validation examples")
    return tuple(found)
