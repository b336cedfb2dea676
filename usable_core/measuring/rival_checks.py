"""Checks that compare the attack of the walked sample with its rivals: other attacks, other models.

What each asks and why stands in `catalog.checks`.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from usable_core.attacks.campaign import Attacked, run_attack
from usable_core.attacks.norms import largest_budget
from usable_core.catalog.attacks import ATTACKS, AttackSpec
from usable_core.evaluations.robustness import Check, Verdict
from usable_core.evaluations.robustness_cost import FEW, LONGER, QUERIES, UNBOUNDED
from usable_core.measuring.walked_sample import Sample
from usable_core.models.model import Model

STEPS = 20  # of the paths whose loss is watched, and of attacks on another backbone
MARGIN = 0.05  # a change of accuracy up to this share of the sample is none
LARGE = 0.15  # and from here on it is a failure


def iterative(sample: Sample) -> Check:
    """Compare with one step."""
    if not ATTACKS[sample.spec.name].is_iterative:
        return _not_run("iterative", sample, "takes no more than one step")
    one = sample.breaks(AttackSpec("fgsm"), torch.arange(len(sample.broken)), sample.epsilon)
    many = sample.broken[:, sample.index]
    n, a, b = len(many), int(many.sum()), int(one.sum())
    return Check(
        "iterative",
        by_count(b - a),
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
        by_share(_of_all(broken, len(tried)) / max(n, 1), least=1 / max(n, 1)),
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
        by_share(change),
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
        by_share(abs(a - b) / max(n, 1), least=1 / max(n, 1)),
        f"{sample.spec.loss} breaks {a} of {n} examples, {other} {b}.",
        {"n": n, sample.spec.loss: a, other: b},
    )


def _transferred(sample: Sample, surrogate: Model, theirs: Tensor, rows: Tensor) -> Tensor:
    """Return whether images that PGD made for another backbone break the examples at `rows`."""
    batch, at = sample.batch, rows.to(sample.batch.x.device)
    spec = AttackSpec("pgd", STEPS, loss="margin")
    examples = Attacked(batch.x[at], theirs[at], batch.seeds[rows])
    made = run_attack(surrogate, examples, sample.epsilon, spec, norm=batch.norm)
    return (batch.oracle.logits(made.x_adv).argmax(1) != batch.y[at]).cpu()


def _not_run(name: str, sample: Sample, reason: str) -> Check:
    """Return that a check says nothing about this attack."""
    said = f"{ATTACKS[sample.spec.name].title} {reason}, so there is nothing to compare."
    return Check(name, "not run", said, {"n": len(sample.broken)})


def by_count(excess: int) -> Verdict:
    """Judge how many more examples the weaker attack broke: one may be luck."""
    return "green" if excess <= 0 else "amber" if excess == 1 else "red"


def rises(broken: Sequence[int], n: int, examples: str) -> Check:
    """Judge rises in a curve whose budgets are attacked by themselves.

    Args:
        broken: How many each budget breaks, the budgets increasing.
        n: Of how many.
        examples: What they are called.
    """
    rise = max([0, *(a - b for a, b in pairwise(broken))])
    shown = ", ".join(f"{100 * (1 - one / max(n, 1)):.0f} %" for one in broken)
    return Check(
        "raw_curve",
        by_count(rise),
        f"Largest rise from one ε to the next: {rise} of {n} {examples} ({shown}).",
        {"n": n, "rise": rise},
    )


def by_share(change: float, *, least: float = 0.0) -> Verdict:
    """Judge a change of accuracy; up to `least` (one example) it cannot be told from none."""
    return "green" if change <= max(MARGIN, least) else "amber" if change <= LARGE else "red"
