"""The end of a training for a terminal."""

from usable_core.catalog.models import SOURCE_FOLDER
from usable_core.cli.output import Line, notes
from usable_core.evaluations.training import TrainingResult
from usable_core.evaluations.training_words import in_words
from usable_core.runs.run import Run
from usable_core.runs.store import RunStore


def lines(run: Run, result: TrainingResult) -> list[Line]:
    """Return the answer for people."""
    notes(result.provenance)
    found: list[Line] = [*in_words(result)]
    if result.retained is not None and result.retained.what == "classes":
        folder = RunStore().folder(run.id) / SOURCE_FOLDER
        found.append(f"The pretrained head on the tuned backbone is the model folder/{folder}")
    if result.is_start:
        next_ = f"usable finetune --model {run.reference} --dataset DATASET"
        return [*found, f"The start, which has no classes yet, is {run.reference}: {next_}"]
    return [
        *found,
        f"The model is {run.reference}: usable evaluate accuracy --model {run.reference} "
        f"--dataset {result.config.dataset.reference}",
    ]
