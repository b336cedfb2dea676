"""What came of a training in sentences, the same for the terminal and for the page."""

import math

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
    return (f"{first}{after}.", *_under_attack(result), *of_source)


def _start(result: TrainingResult) -> str:
    """Return how a pre-training without labels went."""
    schedule, measured = result.card["schedule"], result.card["measured"]
    if result.card["objective"] == "contrastive":
        return _contrastive(result)
    pieces = {"masked": "hidden pieces", "causal": "next pieces"}[result.card["objective"]]
    return (
        f"{result.epochs} epoch{'s' * (result.epochs != 1)} in {result.provenance.seconds:.0f} s, "
        f"{schedule['optimizer']} at {schedule['learning_rate']:g}. Of {pieces} in "
        f"{measured['validation_examples']} validation texts it guesses "
        f"{_percent(result.last_validation_accuracy)}: a loss of {measured['validation_loss']:.3f} "
        f"nats each, a perplexity of {result.perplexity:.1f}."
    )


def _contrastive(result: TrainingResult) -> str:
    """Return how a network of pictures learned to tell pictures apart."""
    schedule, measured = result.card["schedule"], result.card["measured"]
    others = 2 * min(schedule["batch_size"], measured["validation_examples"]) - 1
    found = (
        f"{result.epochs} epoch{'s' * (result.epochs != 1)} in {result.provenance.seconds:.0f} s, "
        f"{schedule['optimizer']} at {schedule['learning_rate']:g}. Of two views of one of "
        f"{measured['validation_examples']} validation pictures it finds one by the other among up "
        f"to {others}: {_percent(result.last_validation_accuracy)}, a loss of "
        f"{measured['validation_loss']:.3f} nats (by chance {math.log(others):.3f}). That is no "
        "accuracy on classes."
    )
    near = measured.get("nearest_neighbour_accuracy")
    if near is None:
        return found
    share_of = share(
        wilson(round(near * measured["validation_examples"]), measured["validation_examples"])
    )
    return (
        f"{found} The most similar training picture is of the same class for {share_of} of them; "
        "labels had no part in the training."
    )


def _under_attack(result: TrainingResult) -> tuple[str, ...]:
    """Return how often it was right under attack after an adversarial training."""
    measured = result.card.get("measured", {})
    found, n = measured.get("validation_accuracy_under_pgd"), measured.get("validation_examples")
    if found is None or not n:
        return ()
    epsilon = f"{result.card['config']['epsilon'] * 255:g}/255"
    return (
        f"Under PGD of 10 steps within {epsilon} (Linf): {share(wilson(round(found * n), n))}, n = "
        f"{n}. A first look, of one start; the accuracies and losses of training are under its own "
        "attack too. Measure it: usable evaluate robustness.",
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
