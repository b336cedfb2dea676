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
    accuracy, n = _percent(result.kept_validation_accuracy), measured.get("validation_examples")
    if n and result.kept_validation_accuracy is not None:
        accuracy = share(wilson(round(result.kept_validation_accuracy * n), n)) + f", n = {n}"
    first = (
        f"{_epochs(result)} in {result.provenance.seconds:.0f} s{how}. Kept are {_kept(result)}: "
        f"validation accuracy {accuracy}{_best(result)}."
    )
    of_source = () if result.retained is None else (_retained(result.retained),)
    return (first, *_under_attack(result), *of_source)


def _epochs(result: TrainingResult) -> str:
    """Return how many epochs there were, and how many there would have been."""
    count, most = result.epochs, result.card.get("schedule", {}).get("epochs") or result.epochs
    probe = "A probe, then " if result.records["epoch"].iloc[0] == 0 < count else ""
    if result.config.schedule.patience is not None and 0 < count < most:
        return f"{probe}{count} of {most} epochs (stopped early)"
    return f"{probe}{count} epoch{'s' * (count != 1)}"


def _kept(result: TrainingResult) -> str:
    """Return which weights were kept."""
    schedule = result.config.schedule
    if not result.epochs:  # nothing was moved
        return "the weights of the start"
    weights = f"the weights, averaged with a decay of {schedule.ema:g}," if schedule.ema else ""
    where = "of the last epoch"
    if schedule.patience is not None:
        where = f"of epoch {result.kept['epoch']:.0f}, of the lowest validation loss"
    return f"{weights or 'the weights'} {where}"


def _best(result: TrainingResult) -> str:
    """Return which epoch was more often right than the one that was kept, if one was."""
    best, kept = result.best_validation_accuracy, result.kept_validation_accuracy
    if best is None or kept is None or math.isclose(best, kept, rel_tol=1e-6):
        return ""
    name = f"epoch {result.best_epoch}" if result.best_epoch else "the probe"
    return f"; the best was {name} with {_percent(best)}"


def _start(result: TrainingResult) -> str:
    """Return how a pre-training without labels went."""
    schedule = result.card["schedule"]
    is_last = result.config.schedule.patience is None and not result.config.schedule.ema
    kept = "" if is_last else f" Kept are {_kept(result)}."
    how = f"{schedule['optimizer']} at {schedule['learning_rate']:g}"
    found = _views_found if result.card["objective"] == "contrastive" else _pieces_guessed
    return f"{_epochs(result)} in {result.provenance.seconds:.0f} s, {how}.{kept} {found(result)}"


def _pieces_guessed(result: TrainingResult) -> str:
    measured = result.card["measured"]
    pieces = {"masked": "hidden pieces", "causal": "next pieces"}[result.card["objective"]]
    return (
        f"Of {pieces} in {measured['validation_examples']} validation texts it guesses "
        f"{_percent(result.kept_validation_accuracy)}: a loss of {measured['validation_loss']:.3f} "
        f"nats each, a perplexity of {result.perplexity:.1f}."
    )


def _views_found(result: TrainingResult) -> str:
    schedule, measured = result.card["schedule"], result.card["measured"]
    n = measured["validation_examples"]
    others = 2 * min(schedule["batch_size"], n) - 1
    found = (
        f"Of two views of one of {n} validation pictures it finds one by the other among up to "
        f"{others}: {_percent(result.kept_validation_accuracy)}, a loss of "
        f"{measured['validation_loss']:.3f} nats (by chance {math.log(others):.3f}). That is no "
        "accuracy on classes."
    )
    near = measured.get("nearest_neighbour_accuracy")
    if near is None:
        return found
    return (
        f"{found} The most similar training picture is of the same class for "
        f"{share(wilson(round(near * n), n))} of them; labels had no part in the training."
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
