"""What a reader of a training's numbers must know first: whether it learned anything at all."""

import math
from typing import TYPE_CHECKING

import numpy as np
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.training import Start
from usable_core.labels import LabelSpace
from usable_core.metrics.intervals import Proportion, wilson
from usable_core.training.material import Answers

if TYPE_CHECKING:
    import pandas as pd

ROUNDED = 1e-3  # of a variance of 1: some folders take its eps off it
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


def on_fitting(records: "pd.DataFrame", targets: np.ndarray, examples: str) -> tuple[str, ...]:
    """Return that a training never told its own examples apart, if so; else nothing.

    Judged is the epoch that was right most often, by the Wilson interval of its share against that
    of the most frequent class.

    Args:
        records: One row per epoch.
        targets: Class of each training example (N,).
        examples: What the data's are called.
    """
    best, n = float(records["train_accuracy"].max()), len(targets)
    share = float(np.bincount(targets).max()) / n
    if math.isnan(best) or wilson(round(best * n), n).low > share:
        return ()
    return (
        f"In training too, no epoch was right for more than {best:.1%} of the {n} {examples}, and "
        f"always answering one class is for {share:.1%}: the weights do not follow the task at "
        "all, which more epochs or labels will not mend. Try a tenth of the learning rate (usable "
        "find-rate looks for one) or --method linear_probe.".replace("%", " %"),
    )


def on_statistics(network: nn.Module) -> tuple[str, ...]:
    """Return that the batch normalisation of a model has never seen data, if so.

    Told by running means that are all 0 and variances that are all 1, as they are in a new layer;
    weights whose normalisation was folded into the convolutions come with such.

    Args:
        network: Before its training.
    """
    layers = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    if not layers or not all(map(_is_new, layers)):
        return ()
    return (
        f"The {len(layers)} layers of batch normalisation hold no statistics of any data (mean 0, "
        "variance 1): they were folded into the layers before them, or never trained. A training "
        "normalises by its batches all the same, so what the weights knew does not outlast the "
        "first step, at any rate. Try --method linear_probe, or probe_then_full at a low "
        "--learning-rate: both leave these layers as they are.",
    )


def _is_new(layer: _BatchNorm) -> bool:
    mean, variance = layer.running_mean, layer.running_var
    if mean is None or variance is None:
        return False
    return not mean.any() and bool((variance - 1).abs().max() < ROUNDED)


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
