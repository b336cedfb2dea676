"""The smallest change of one image that makes a model change its mind, and the path to it.

An attack proves that a budget breaks the prediction; that a smaller one does not, it cannot prove.
So the smallest budget found is an upper bound.
"""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.attacks.campaign import build
from usable_core.attacks.sweep import AttackedBatch, descend, towards
from usable_core.catalog.attacks import AttackSpec
from usable_core.evaluations.evidence import Fragility
from usable_core.evaluations.specs import Report, silent
from usable_core.models.model import Model, check_pixels

# Doubling from an eighth of a grey level, which breaks many ImageNet backbones, to twice the usual
# 8/255 (RobustBench), which breaks most robust ones; few enough for a map at each of them.
EPSILONS = tuple(k / 255 for k in (0, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16))
# On six images with a MobileNetV2 it broke at no larger budget than PGD-20 or PGD-50, in less time.
ATTACK = AttackSpec("apgd", steps=20, loss="margin")
BLIND = AttackSpec("square", steps=500)  # where there are no gradients to follow
_SEED = 0  # the path is the image's own, whatever the seed of a map along it


@dataclass(frozen=True, eq=False)
class AdversarialPath:
    """An image on its way over the decision boundary.

    Attributes:
        fragility: Budgets and what the model says at each.
        images: The image at each budget (K, 3, H, W) in [0, 1], the clean one first.
        prediction: Index of the clean prediction.
    """

    fragility: Fragility
    images: Tensor
    prediction: int


@torch.inference_mode(False)
def adversarial_path(
    model: Model,
    x: Tensor,
    *,
    epsilons: tuple[float, ...] = EPSILONS,
    attack: AttackSpec | None = None,
    report: Report = silent,
) -> AdversarialPath:
    """Return the smallest Linf budget of a grid that breaks the prediction of one image.

    The path is a straight line: the direction that breaks the prediction with the smallest budget,
    made as long as each budget allows. Where a longer step leads back to the clean prediction, the
    image of the budget before stays.

    Args:
        model: Pixels to logits.
        x: Image (3, H, W) in [0, 1].
        epsilons: Budgets in units of the [0, 1] range, increasing, 0 first.
        attack: What is tried; None: APGD, or Square on a model without gradients.
        report: Told the passes asked and how many are expected; raises `Cancelled`.

    Raises:
        OutputsRefused: the outputs are not those of a classifier.
        ImageRefused: pixels are not in [0, 1].
        Cancelled: through `report`.
    """
    started = time.perf_counter()
    attack = attack or (ATTACK if model.has_gradients else BLIND)
    x = check_pixels(x[None].detach().float().to(model.device))
    x = x.contiguous(memory_format=torch.channels_last)
    passes, expected = 0, 2 * attack.steps

    def show(images: int) -> None:
        nonlocal passes
        passes += 1  # how many there will be is not known before
        report(min(passes, expected), expected, "Attacking")

    with Oracle(model, fixed_size=1, on_pass=show) as oracle:
        clean = oracle.logits(x)
        batch = AttackedBatch(
            x,
            y=clean.argmax(1),
            seeds=torch.tensor([_SEED]),
            epsilons=epsilons[1:],
            norm="linf",
            attacks=(build(attack, "linf", clean.shape[1]),),
            oracle=oracle,
        )
        images, logits = _path(batch, clean, descend(batch).x_adv)
    fragility = _fragility(model, epsilons, logits, attack, time.perf_counter() - started)
    return AdversarialPath(fragility, images.cpu(), int(clean.argmax()))


def _path(batch: AttackedBatch, clean: Tensor, x_adv: Tensor) -> tuple[Tensor, Tensor]:
    """Return the image at each epsilon (K, 3, H, W) and the logits (K, classes) there."""
    row = torch.zeros(1, dtype=torch.int64, device=batch.x.device)
    images, answers = [batch.x], [clean]
    for index in range(len(batch.epsilons)):
        image = towards(batch, x_adv, row, torch.tensor([index]))
        logits = batch.oracle.logits(image)
        was_broken = bool(answers[-1].argmax(1) != batch.y)
        if was_broken and bool(logits.argmax(1) == batch.y):
            image, logits = images[-1], answers[-1]
        images.append(image)
        answers.append(logits)
    return torch.cat(images), torch.cat(answers)


def _fragility(
    model: Model, epsilons: tuple[float, ...], logits: Tensor, attack: AttackSpec, seconds: float
) -> Fragility:
    predictions = logits.argmax(1).tolist()
    is_kept = tuple(found == predictions[0] for found in predictions)
    confidences = logits.double().softmax(1)[:, predictions[0]].tolist()
    broken = [epsilon for epsilon, kept in zip(epsilons, is_kept, strict=True) if not kept]
    return Fragility(
        norm="linf",
        attack=_words(attack, epsilons),
        epsilons=epsilons,
        predictions=tuple(model.labels.names[index] for index in predictions),
        confidences=tuple(confidences),
        is_kept=is_kept,
        smallest=broken[0] if broken else None,
        seconds=seconds,
    )


def _words(attack: AttackSpec, epsilons: tuple[float, ...]) -> str:
    starts = "start" if attack.restarts == 1 else "starts"
    budgets = ", ".join(f"{255 * epsilon:g}" for epsilon in epsilons[1:])
    return (
        f"{attack.name.upper()}-{attack.steps} on the {attack.loss.replace('_', ' ')}, "
        f"{attack.restarts} random {starts}, descent over {budgets} /255; a stronger attack may "
        "need less"
    )
