"""What came of a training in sentences, the same for the terminal and for the page."""

from usable_core.evaluations.training import Retained, TrainingResult
from usable_core.metrics.intervals import Estimate, Proportion, wilson


def in_words(result: TrainingResult) -> tuple[str, ...]:
    """Return how a training went, and what is left of the source."""
    if result.is_start:
        return (_start(result),)
    schedule, measured = result.card.get("schedule", {}), result.card.get("measured", {})
    how = f", {schedule['optimizer']} at {schedule['learning_rate']:g}" if schedule else ""
    last, best = result.last_validation_accuracy, result.best_validation_accuracy
    accuracy, n = _percent(last), measured.get("validation_examples")
    if n and last is not None:
        accuracy = share(wilson(round(last * n), n)) + f", n = {n}"
    epochs = f"{result.epochs} epoch{'s' * (result.epochs != 1)}"
    first = (
        f"{epochs} in {result.provenance.seconds:.0f} s{how}. Kept are the weights "
        f"of the last epoch: validation accuracy {accuracy}"
    )
    is_other = best is not None and result.best_epoch != result.epochs and best != last
    after = f"; the best was epoch {result.best_epoch} with {_percent(best)}" if is_other else ""
    of_source = () if result.retained is None else (_retained(result.retained),)
    return (f"{first}{after}.", *of_source)


def _start(result: TrainingResult) -> str:
    """Return how the pre-training of a network of texts went."""
    schedule, measured = result.card["schedule"], result.card["measured"]
    pieces = {"masked": "hidden pieces", "causal": "next pieces"}[result.card["objective"]]
    return (
        f"{result.epochs} epoch{'s' * (result.epochs != 1)} in {result.provenance.seconds:.0f} s, "
        f"{schedule['optimizer']} at {schedule['learning_rate']:g}. Of {pieces} in "
        f"{measured['validation_examples']} validation texts it guesses "
        f"{_percent(result.last_validation_accuracy)}: a loss of {measured['validation_loss']:.3f} "
        f"nats each, a perplexity of {result.perplexity:.1f}."
    )


def _retained(found: Retained) -> str:
    what = "Pieces of the source's texts guessed" if found.what == "pieces" else "Source accuracy"
    return (
        f"{what} ({found.dataset}, n = {found.after.n}): {share(found.before)} before, "
        f"{share(found.after)} after; {points(found.difference)}."
    )


def share(proportion: Proportion) -> str:
    """Return "59.4 % (55.1 % to 63.6 %)"."""
    value, low, high = map(_percent, (proportion.value, proportion.low, proportion.high))
    return f"{value} ({low} to {high})"


def points(difference: Estimate) -> str:
    """Return a difference of shares in percentage points: "−0.9 points (−2.1 to +0.3)"."""
    value, low, high = (
        f"{100 * part:+.1f}".replace("-", "−")
        for part in (difference.value, difference.low, difference.high)
    )
    return f"{value} points ({low} to {high})"


def _percent(accuracy: float | None) -> str:
    return "unknown" if accuracy is None else f"{100 * accuracy:.1f} %"
