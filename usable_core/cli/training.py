"""The end of a training for a terminal."""

from usable_core.catalog.models import SOURCE_FOLDER
from usable_core.cli.output import Line, notes, share
from usable_core.evaluations.training import Retained, TrainingResult
from usable_core.metrics.intervals import Estimate
from usable_core.runs.run import Run
from usable_core.runs.store import RunStore


def lines(run: Run, result: TrainingResult) -> list[Line]:
    """Return the answer for people."""
    notes(result.provenance)
    schedule = result.card.get("schedule", {})
    how = f", {schedule['optimizer']} at {schedule['learning_rate']:g}" if schedule else ""
    found = [
        f"{result.epochs} epochs in {result.provenance.seconds:.0f} s{how}; validation accuracy "
        f"{percent(result.last_validation_accuracy)} with the weights of the last epoch, which "
        f"are kept (best: {percent(result.best_validation_accuracy)}, epoch {result.best_epoch}).",
    ]
    if result.retained is not None:
        folder = RunStore().folder(run.id) / SOURCE_FOLDER
        found += [retained(result.retained), f"The pretrained head is kept: folder/{folder}"]
    return [
        *found,
        f"The model is {run.reference}: usable evaluate accuracy --model {run.reference} "
        f"--dataset {result.config.dataset.reference}",
    ]


def retained(found: Retained) -> str:
    """Return what is left of the source, in words."""
    return (
        f"Source accuracy ({found.dataset}, n = {found.after.n}): {share(found.before)} before, "
        f"{share(found.after)} after; {points(found.difference)}."
    )


def points(difference: Estimate) -> str:
    """Return a difference of shares in percentage points: "−0.9 points (−2.1 to +0.3)"."""
    value, low, high = (
        f"{100 * part:+.1f}".replace("-", "−")
        for part in (difference.value, difference.low, difference.high)
    )
    return f"{value} points ({low} to {high})"


def percent(accuracy: float | None) -> str:
    """Return a share in percent."""
    return "unknown" if accuracy is None else f"{100 * accuracy:.1f} %"
