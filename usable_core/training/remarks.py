"""What a reader of a training's numbers must know first: whether it learned anything at all."""

import numpy as np

from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.training import Start
from usable_core.labels import LabelSpace
from usable_core.metrics.intervals import Proportion, wilson
from usable_core.training.material import Answers

UNTOUCHED = (
    "A λ of 0.001 or less moves nothing: this is the model as it was, with a new head that "
    "was never trained, so its accuracy on the task is one of chance."
)
_TRY = "Try another learning rate, more epochs or more {examples}, and check the labels."


def on_learning(
    start: Start,
    last_loss: float,
    answers: Answers | None,
    labels: LabelSpace,
    examples: str = "images",
) -> tuple[str, ...]:
    """Return sentences on whether a training learned its task; none where it plainly did.

    Args:
        start: The losses before the first step.
        last_loss: Mean training loss of the epoch whose weights were kept, in nats.
        answers: To the validation examples; None where there are no classes to guess among.
        labels: The task's classes.
        examples: What the data's are called.
    """
    found, what = [], _TRY.format(examples=examples)
    if not last_loss < start.task:
        found.append(
            f"This did not learn: the training loss was {start.task:.3f} before the first step and "
            f"{last_loss:.3f} in the epoch that was kept. {what}"
        )
    return tuple(found) if answers is None else (*found, *_against_guessing(answers, labels))


def on_parts(micro_batch: int | None, schedule: Schedule) -> tuple[str, ...]:
    """Return that memory did not hold what was asked for, if so.

    Args:
        micro_batch: How many examples went through the network together; None where all of a step.
        schedule: As it was asked for.
    """
    if micro_batch in (None, schedule.together):
        return ()
    asked = schedule.together or schedule.numbers[1]
    return (
        f"The device's memory did not hold {asked} examples in training: at most {micro_batch} "
        "went through the network together, and their gradients were added up. The steps are the "
        "same but for batch normalisation, which saw so many at a time.",
    )


def on_proxy(proxy: str) -> str:
    """Return what the stand-in for L_pre leaves unknown."""
    what = {
        "distillation": "distillation to the start on the task's own examples",
        "distance": "the distance of the weights to the start",
    }[proxy]
    return (
        f"L_pre is a proxy, {what}: how much of what the model knew is retained was not measured. "
        "Give source data (--source) for that."
    )


def on_unit(start: Start, unit: float) -> str:
    """Return that the starting loss of the source is no unit to measure in."""
    return (
        f"The source's loss began at {start.source:.2g} nats, too near 0 to be measured in, so λ "
        f"weighs it in units of {unit:.2g} nats."
    )


def accuracy(answers: Answers) -> Proportion:
    """Return how often held-out images are right."""
    right = answers.logits.argmax(1) == answers.labels
    return wilson(int(right.sum()), len(right))


def _against_guessing(answers: Answers, labels: LabelSpace) -> tuple[str, ...]:
    """Compare with always answering the class that is most frequent among the held-out images."""
    counts = np.bincount(answers.labels, minlength=len(labels))
    name, share = labels.names[int(counts.argmax())], float(counts.max() / counts.sum())
    if share == 1:
        return (
            f"All {counts.sum()} validation {answers.examples} are of the class {name}, so they "
            "cannot tell whether this learned to tell classes apart. Give validation "
            f"{answers.examples} of the others.",
        )
    found = accuracy(answers)
    if found.low > share:
        return ()
    says = "This did not learn" if found.value <= share else "It is not shown that this learned"
    return (
        f"{says}: a validation accuracy of {found.value:.1%} ({found.low:.1%} to {found.high:.1%}, "
        f"n = {found.n}) is not above that of always answering {name}, {share:.1%}. "
        f"{_TRY.format(examples=answers.examples)}".replace("%", " %"),
    )
