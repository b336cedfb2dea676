"""The checks beside a robustness curve, on a sample of examples that are right when clean.

What each asks and why stands in `catalog.checks`; here is how it is measured and judged.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from usable_core.asking.outputs import are_probabilities
from usable_core.attacks.campaign import build, run_attack
from usable_core.attacks.lanes import Lanes, Over, Pool
from usable_core.attacks.losses import log_odds
from usable_core.attacks.norms import largest_budget, random_start, size
from usable_core.catalog.attacks import ATTACKS, AttackSpec
from usable_core.evaluations.robustness import Check, Verdict
from usable_core.evaluations.robustness_cost import FEW, LONGER, QUERIES, UNBOUNDED
from usable_core.measuring.walked_sample import Sample
from usable_core.models.model import Model

STEPS = 20  # of the paths whose loss is watched
MARGIN = 0.05  # a change of accuracy up to this share of the sample is none
LARGE = 0.15  # and from here on it is a failure
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
    found = (check(sample) for check in OF_THE_SAMPLE)
    return (*found, white_box(sample, surrogate, their_labels), descent(sample))


def descent(sample: Sample) -> Check:
    """Compare the smallest breaking epsilons of the descent with those of the full walk."""
    by_walk = torch.where(
        sample.broken.any(1), sample.broken.float().argmax(1), sample.broken.shape[1]
    )
    n, missed = len(by_walk), int((sample.smallest.index > by_walk).sum())
    lower = int((sample.smallest.index < by_walk).sum())
    verdict: Verdict = "green" if missed <= MARGIN * n else "amber"
    outcome = "" if verdict == "green" else " Every ε is walked instead."
    return Check(
        "descent",
        verdict,
        f"The descent finds a larger smallest ε for {missed} of {n} examples, and a smaller one "
        f"for {lower}.{outcome}",
        {"n": n, "missed": missed, "lower": lower},
    )


def raw_curve(sample: Sample) -> Check:
    """Look for rises in the curve without carrying."""
    broken = sample.broken.sum(0)
    n = len(sample.broken)
    rise = int((broken[:-1] - broken[1:]).clamp_min(0).max()) if len(broken) > 1 else 0
    shown = ", ".join(f"{100 * (1 - int(b) / max(n, 1)):.0f} %" for b in broken)
    return Check(
        "raw_curve",
        _by_count(rise),
        f"Largest rise from one ε to the next: {rise} of {n} examples ({shown}).",
        {"n": n, "rise": rise},
    )


def epsilon_zero(sample: Sample) -> Check:
    """Ask along the attack's own path at an epsilon of 0."""
    batch = sample.batch
    start = random_start(batch.x, 0.0, batch.norm, batch.seeds.to(batch.x.device))

    def loss(logits: Tensor, part: slice) -> Tensor:
        return log_odds(logits, batch.y[part], batch.y[part])

    logits, _, _ = batch.oracle.gradient(start, loss)
    n, wrong = len(start), int((logits.argmax(1) != batch.y).sum())
    return Check(
        "epsilon_zero",
        "green" if wrong == 0 else "red",
        f"{wrong} of {n} clean answers change when asked through the attack at ε = 0.",
        {"n": n, "changed": wrong},
    )


def deterministic(sample: Sample) -> Check:
    """Ask twice."""
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
    """Look whether outputs are probabilities."""
    is_softmax = are_probabilities(sample.batch.oracle.logits(sample.batch.x))
    said = "The outputs are probabilities." if is_softmax else "The outputs are no probabilities."
    return Check("logits", "red" if is_softmax else "green", said, {"softmax": float(is_softmax)})


def gradient(sample: Sample) -> Check:
    """Count examples whose gradient is zero or no number."""
    batch = sample.batch
    start = random_start(batch.x, sample.epsilon, batch.norm, batch.seeds.to(batch.x.device))

    def loss(logits: Tensor, part: slice) -> Tensor:
        return log_odds(logits, batch.y[part], batch.y[part])

    _, _, found = batch.oracle.gradient(start, loss)
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


def iterative(sample: Sample) -> Check:
    """Compare with one step."""
    if not ATTACKS[sample.spec.name].is_iterative:
        return _not_run("iterative", sample, "takes no more than one step")
    one = sample.breaks(AttackSpec("fgsm"), torch.arange(len(sample.broken)), sample.epsilon)
    many = sample.broken[:, sample.index]
    n, a, b = len(many), int(many.sum()), int(one.sum())
    return Check(
        "iterative",
        _by_count(b - a),
        f"{a} of {n} examples break under {sample.spec.title}, {b} under one step.",
        {"n": n, "iterative": a, "one_step": b},
    )


def white_box(sample: Sample, surrogate: Model | None, theirs: Tensor | None = None) -> Check:
    """Try what needs no gradient on the examples that the gradient did not break.

    Args:
        sample: The walked sample.
        surrogate: Another backbone; None tries Square alone.
        theirs: The true classes (n,) as the surrogate numbers them; None: as the model does.
    """
    if not ATTACKS[sample.spec.name].is_gradient_based:
        return _not_run("white_box", sample, "follows no gradient itself")
    n = len(sample.broken)
    survivors = torch.nonzero(~sample.broken[:, sample.index])[:, 0]
    tried = survivors[: sample.rivalled]
    broken = torch.zeros(len(survivors), dtype=torch.bool)
    numbers: dict[str, float] = {"n": n, "white_box": n - len(survivors)}
    said = []
    if sample.batch.norm in ATTACKS["square"].norms:
        fooled = sample.breaks(AttackSpec("square", QUERIES), tried, sample.epsilon)
        broken[: len(tried)], numbers["square"] = fooled, int(fooled.sum())
        of_tried = f" of {len(tried)} tried" if len(tried) < len(survivors) else ""
        said.append(f"{QUERIES} queries of Square break {int(fooled.sum())}{of_tried}")
    if surrogate is not None:
        y = sample.batch.y if theirs is None else theirs.to(sample.batch.y.device)
        fooled = _transferred(sample, surrogate, y, survivors)
        broken, numbers["transfer"] = broken | fooled, int(fooled.sum())
        said.append(f"images made for {surrogate.name} break {int(fooled.sum())}")
    if not said:
        return Check("white_box", "not run", "No black-box attack works in this norm.", numbers)
    return Check(
        "white_box",
        _by_share(_of_all(broken, len(tried)) / max(n, 1), least=1 / max(n, 1)),
        f"{n - len(survivors)} of {n} examples break under {sample.spec.title}; of the others, "
        f"{' and '.join(said)}.",
        numbers,
    )


def _of_all(broken: Tensor, tried: int) -> float:
    """Return how many survivors break, where what holds for the first `tried` holds for all."""
    share = float(broken[:tried].float().mean()) if tried else 0.0
    return max(share * len(broken), float(broken.sum()))


def unbounded(sample: Sample) -> Check:
    """Attack with an epsilon as large as the pixel range."""
    batch = sample.batch
    rows = torch.arange(min(len(batch.x), UNBOUNDED))
    epsilon = largest_budget(batch.norm, tuple(batch.x.shape[1:]))
    left = 1 - float(sample.breaks(sample.spec, rows, epsilon).float().mean())
    chance = 1 / sample.classes
    verdict: Verdict = "green" if left <= chance else "amber" if left <= 2 * chance else "red"
    return Check(
        "unbounded",
        verdict,
        f"{100 * left:.0f} % of {len(rows)} examples withstand ε = {epsilon:.3g}; chance is "
        f"{100 * chance:.3g} %.",
        {"n": len(rows), "left": left, "chance": chance},
    )


def more_steps(sample: Sample) -> Check:
    """Take ten times the steps on those that withstood."""
    if not ATTACKS[sample.spec.name].is_iterative:
        return _not_run("more_steps", sample, "takes no more than one step")
    n = len(sample.broken)
    survivors = torch.nonzero(~sample.broken[:, sample.index])[: min(FEW, sample.rivalled), 0]
    longer = replace(sample.spec, steps=LONGER * sample.spec.steps)
    fallen = int(sample.breaks(longer, survivors, sample.epsilon).sum()) if len(survivors) else 0
    # What holds for the survivors that were tried is taken to hold for all of them.
    left = int((~sample.broken[:, sample.index]).sum())
    change = fallen / max(len(survivors), 1) * left / max(n, 1)
    return Check(
        "more_steps",
        _by_share(change),
        f"{longer.steps} steps instead of {sample.spec.steps} break {fallen} of {len(survivors)} "
        f"survivors: {100 * change:.0f} points of accuracy (up to {100 * MARGIN:.0f} is none).",
        {"n": len(survivors), "fallen": fallen, "change": change, "margin": MARGIN},
    )


def losses_agree(sample: Sample) -> Check:
    """Compare cross-entropy with margin, where the attack can follow either."""
    row = ATTACKS[sample.spec.name]
    if row.is_targeted_only or not row.is_gradient_based:
        return _not_run("losses_agree", sample, "has a loss of its own")
    other = "margin" if sample.spec.loss == "cross_entropy" else "cross_entropy"
    everyone = torch.arange(len(sample.broken))
    found = sample.breaks(replace(sample.spec, loss=other), everyone, sample.epsilon)
    n, a, b = len(everyone), int(sample.broken[:, sample.index].sum()), int(found.sum())
    return Check(
        "losses_agree",
        _by_share(abs(a - b) / max(n, 1), least=1 / max(n, 1)),
        f"{sample.spec.loss} breaks {a} of {n} examples, {other} {b}.",
        {"n": n, sample.spec.loss: a, other: b},
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
        _by_count(excess),
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


def _transferred(sample: Sample, surrogate: Model, theirs: Tensor, rows: Tensor) -> Tensor:
    """Return whether images that PGD made for another backbone break the examples at `rows`."""
    batch, at = sample.batch, rows.to(sample.batch.x.device)
    made = run_attack(
        surrogate,
        batch.x[at],
        theirs[at],
        sample.epsilon,
        AttackSpec("pgd", STEPS, loss="margin"),
        norm=batch.norm,
        seeds=batch.seeds[rows],
    )
    return (batch.oracle.logits(made.x_adv).argmax(1) != batch.y[at]).cpu()


def _not_run(name: str, sample: Sample, reason: str) -> Check:
    """Return that a check says nothing about this attack."""
    said = f"{ATTACKS[sample.spec.name].title} {reason}, so there is nothing to compare."
    return Check(name, "not run", said, {"n": len(sample.broken)})


def _by_count(excess: int) -> Verdict:
    """Judge how many more examples the weaker attack broke: one may be luck."""
    return "green" if excess <= 0 else "amber" if excess == 1 else "red"


def _by_share(change: float, *, least: float = 0.0) -> Verdict:
    """Judge a change of accuracy; up to `least` (one example) it cannot be told from none."""
    return "green" if change <= max(MARGIN, least) else "amber" if change <= LARGE else "red"
