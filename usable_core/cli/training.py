"""The end of a training for a terminal."""

from usable_core.cli.output import Line
from usable_core.evaluations.training import TrainingResult
from usable_core.runs.run import Run


def lines(run: Run, result: TrainingResult) -> list[Line]:
    """Return the answer for people."""
    shown = f"{result.best_validation_accuracy:.1%}".replace("%", " %")
    return [
        f"{result.epochs} epochs in {result.provenance.seconds:.0f} s; best validation accuracy "
        f"{shown} (epoch {result.best_epoch}).",
        f"The model is {run.reference}: usable evaluate accuracy --model {run.reference} "
        f"--dataset {result.config.dataset.reference}",
    ]
