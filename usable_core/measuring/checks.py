"""The checks beside a robustness curve, on a sample of examples that are right when clean.

What each asks and why stands in `catalog.checks`; here is how it is measured and judged.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from usable_core.attacks.campaign import build
from usable_core.attacks.lanes import Lanes, Over, Pool
from usable_core.attacks.norms import random_start, size
from usable_core.catalog.attacks import AttackSpec
from usable_core.evaluations.robustness import Check, Verdict
from usable_core.measuring.rival_checks import (
    MARGIN,
    STEPS,
    by_count,
    iterative,
    losses_agree,
    more_steps,
    rises,
    unbounded,
    white_box,
)
from usable_core.measuring.walked_sample import Sample
from usable_core.models.model import Model
from usable_core.models.outputs import are_probabilities

# Share of examples without a usable gradient: one in twenty may sit on a plateau by chance.
BLIND = 0.05
RISING = (0.95, 0.80)  # share of examples whose loss rises: green from, red below
SAME = 1e-4  # relative difference of two answers that is only rounding


def all_of(
    sample: Sample, surrogate: Model | None, their_labels: Tensor | None
) -> tuple[Check, ...]:
    """Return every check that the walked sample allows.

    Args:
        sample: The walked sample.
        surrogate: Another backbone for the black-box check.
        their_labels: The true classes (n,) as the surrogate numbers them; None: as the model does.
    """
    has_gradients = sample.batch.oracle.model.has_gradients
    found = (
        check(sample) if has_gradients or check not in FOLLOWING else _without_gradients(check)
        for check in OF_THE_SAMPLE
    )
    return (*found, white_box(sample, surrogate, their_labels), descent(sample))


def descent(sample: Sample) -> Check:
    """Compare the smallest breaking epsilons of the descent with those of the full walk."""
    by_walk = torch.where(
        sample.broken.any(1), sample.broken.float().argmax(1), sample.broken.shape[1]
    )
    n, missed = len(by_walk), int((sample.smallest.index > by_walk).sum())
    lower = int((sample.smallest.index < by_walk).sum())
    verdict: Verdict = "green" if missed <= MARGIN * n else "amber"
    outcome = "" if verdict == "green" else " Every ε is attacked from scratch instead."
    return Check(
        "descent",
        verdict,
        f"The descent finds a larger smallest ε for {missed} of {n} examples, and a smaller one "
        f"for {lower}.{outcome}",
        {"n": n, "missed": missed, "lower": lower},
    )


def raw_curve(sample: Sample) -> Check:
    """Look for rises in the curve without carrying."""
    return rises(sample.broken.sum(0).tolist(), len(sample.broken), "examples")


def epsilon_zero(sample: Sample) -> Check:
    """Ask along the attack's own path at an epsilon of 0."""
    batch = sample.batch
    start = random_start(batch.x, 0.0, batch.norm, batch.seeds.to(batch.x.device))
    if batch.oracle.model.has_gradients:
        logits, _, _ = batch.oracle.gradient(start, batch.loss)
    else:
        logits = batch.oracle.logits(start)
    n, wrong = len(start), int((logits.argmax(1) != batch.y).sum())
    return Check(
        "epsilon_zero",
        "green" if wrong == 0 else "red",
        f"{wrong} of {n} clean answers change when asked through the attack at ε = 0.",
        {"n": n, "changed": wrong},
    )


def deterministic(sample: Sample) -> Check:
    """Ask twice; what the model showed when it was loaded, alone and in company, counts too."""
    company = sample.batch.oracle.model.examination.company
    if company:
        return Check(
            "deterministic",
            "red",
            "The answer to a picture depends on the others in its batch: it differs by "
            f"{company:.1e} of the largest logit (BatchNorm in training mode?).",
            {"difference": company},
        )
    first, second = (sample.batch.oracle.logits(sample.batch.x) for _ in range(2))
    scale = float(first.abs().max().clamp_min(1e-12))
    difference = float((first - second).abs().max()) / scale
    if difference <= SAME:
        return Check(
            "deterministic",
            "green",
            f"Largest relative difference: {difference:.1e}.",
            {"difference": difference},
        )
    is_averaged = sample.batch.oracle.draws > 1
    advice = (
        f"each answer is the mean of {sample.batch.oracle.draws} draws"
        if is_averaged
        else "set draws"
    )
    return Check(
        "deterministic",
        "amber" if is_averaged else "red",
        f"The model is random: two answers differ by {difference:.1e} of the largest logit "
        f"({advice}).",
        {"difference": difference, "draws": sample.batch.oracle.draws},
    )


def logits(sample: Sample) -> Check:
    """Look whether outputs are probabilities, here or as the model showed when it was loaded."""
    kind = sample.batch.oracle.model.examination.outputs
    if are_probabilities(sample.batch.oracle.logits(sample.batch.x)):
        kind = "probabilities"
    said = {
        "logits": "The outputs are no probabilities.",
        "probabilities": "The outputs are probabilities.",
        "sigmoid": "The outputs are probabilities of a sigmoid: each is in [0, 1].",
    }[kind]
    is_bounded = kind != "logits"
    return Check("logits", "red" if is_bounded else "green", said, {"softmax": float(is_bounded)})


def gradient(sample: Sample) -> Check:
    """Count examples whose gradient is zero or no number."""
    batch = sample.batch
    start = random_start(batch.x, sample.epsilon, batch.norm, batch.seeds.to(batch.x.device))
    _, _, found = batch.oracle.gradient(start, batch.loss)
    lengths = size(found, "l2")
    n, blind = len(lengths), int((lengths == 0).sum())
    verdict: Verdict = "green" if blind == 0 else "amber" if blind <= BLIND * n else "red"
    return Check(
        "gradient",
        verdict,
        f"Zero or not finite for {blind} of {n} examples; median length {lengths.median():.2g}.",
        {"n": n, "blind": blind, "median_length": float(lengths.median())},
    )


def loss_rises(sample: Sample) -> Check:
    """Follow the gradient and compare the loss at both ends of the path."""
    batch = sample.batch
    pool = Pool(
        build(AttackSpec("pgd", STEPS), batch.norm, sample.classes), batch.oracle, stops=False
    )
    n, device = len(batch.x), batch.x.device
    count = torch.zeros(n, dtype=torch.int64, device=device)
    pool.add(
        Lanes(
            x=batch.x,
            y=batch.y,
            epsilon=torch.full((n,), sample.epsilon, device=device),
            seed=batch.seeds.to(device),
            restart=count,
            target=count - 1,
            start=batch.x,
            trial=count,
        )
    )
    pool.step()
    first = batch.x.new_zeros(n) if pool.lanes is None else pool.lanes.best_loss
    over: Over | None = None
    while len(pool):
        over = pool.step()
    rising = 0.0 if over is None else float((over.loss > first).float().mean())
    verdict: Verdict = "green" if rising >= RISING[0] else "red" if rising < RISING[1] else "amber"
    return Check(
        "loss_rises",
        verdict,
        f"Higher after {STEPS} steps than at the start for {100 * rising:.0f} % of {n} examples.",
        {"n": n, "rising": rising},
    )


def noise(clean: Tensor, attacked: Tensor, noisy: Tensor) -> Check:
    """Compare attack and noise over all examples (N, epsilons): whether each is right.

    What noise mends is no strength: only examples right when clean can be broken.
    """
    if attacked.shape[1] == 0:
        return Check("noise", "not run", "There is no ε above 0.", {"n": len(clean)})
    by_attack = (clean[:, None] & ~attacked).sum(0)
    by_noise = (clean[:, None] & ~noisy).sum(0)
    excess = int((by_noise - by_attack).max())
    return Check(
        "noise",
        by_count(excess),
        f"Largest excess of noise over the attack: {max(excess, 0)} of {len(clean)} examples.",
        {"n": len(clean), "excess": excess},
    )


OF_THE_SAMPLE: tuple[Callable[[Sample], Check], ...] = (
    epsilon_zero,
    deterministic,
    logits,
    gradient,
    loss_rises,
    iterative,
    unbounded,
    more_steps,
    losses_agree,
    raw_curve,
)
# Those that follow the model's gradients, whichever attack is checked.
FOLLOWING = (gradient, loss_rises, iterative)


def _without_gradients(check: Callable[[Sample], Check]) -> Check:
    return Check(check.__name__, "not run", "The model answers and has no gradients to follow.", {})
