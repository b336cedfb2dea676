"""An answer of robustness for a terminal."""

import math

from usable_core.catalog.checks import CHECKS
from usable_core.cli.output import Line, about, share, table
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.robustness_texts import (
    similarity,
    still_read,
    swapped_words,
    untouched,
)
from usable_core.evaluations.specs import Norm
from usable_core.runs.run import Run
from usable_core.texts import visible

_FRAGILE = 5  # texts that are listed
_SHOWN = 6  # swaps of each


def lines(run: Run, result: RobustnessResult) -> list[Line]:
    """Return the answer for people."""
    config, cost = result.config, result.cost
    curves = result.robust_accuracy, result.noise_accuracy, result.robustness, result.worst_attack
    rows = [
        (_epsilon(e, config.norm), share(under), share(noise), f"{change.value:+.3f}", worst or "")
        for e, under, noise, change, worst in zip(result.epsilons, *curves, strict=True)
    ]
    seen = [(check.verdict, CHECKS[check.name].title, check.sentence) for check in result.checks]
    return [
        about(result),
        f"clean accuracy {share(result.clean_accuracy)}; {config.title}, {config.norm}",
        table("epsilon", "under attack", "random noise", "change", "worst attack", rows=rows),
        smallest_in_words(result),
        *(_of_texts(result) if result.kind == "text" else []),
        *([table("check", "", "", rows=seen)] if seen else []),
        f"{cost.forward + cost.backward:,} passes in {cost.seconds:.0f} s, "
        f"checks {cost.checks:,} in {cost.check_seconds:.0f} s",
    ]


def smallest_in_words(result: RobustnessResult) -> str:
    """Return the median of the smallest breaking epsilons, and how many images withstand all."""
    median = result.median_smallest_epsilon
    if median.n == 0:
        return "smallest epsilon that breaks: none, for no example is right when clean"
    value, low, high = (
        _epsilon(e, result.config.norm) if math.isfinite(e) else "beyond the grid"
        for e in (median.value, median.low, median.high)
    )
    return (
        f"smallest epsilon that breaks: median {value} ({low} to {high}); "
        f"withstand all: {share(result.censored)}"
    )


def _of_texts(result: RobustnessResult) -> list[Line]:
    """Return what is told of attacked texts: whether they still say the same, and the first."""
    rows = [
        (_epsilon(e, "words"), share(short), *said)
        for e, short, said in zip(result.epsilons, untouched(result), _judged(result), strict=True)
    ]
    judge = result.config.judge
    heads = ("judge reads as before", "similarity, median (10 %)") if judge else ()
    broken = result.broken().sort_values(["breaks", "changed"], kind="stable").head(_FRAGILE)
    texts = [
        (row.id, row.changed, row.words, _swaps(row.text, row.adversarial_text))
        for row in broken.itertuples()
    ]
    return [
        table("epsilon", "too short for one word", *heads, rows=rows),
        f"judge: {judge.reference}" if judge else "no judge (--judge MODEL reads what broke it)",
        *([table("breaks first", "changed", "words", "", rows=texts)] if texts else []),
    ]


def _judged(result: RobustnessResult) -> list[tuple[str, ...]]:
    """Return what the judge says at each epsilon."""
    if result.config.judge is None:
        return [()] * len(result.epsilons)
    return [
        (share(read), f"{alike.median:.2f} ({alike.low:.2f})") if read.n else ("none broken", "")
        for read, alike in zip(still_read(result), similarity(result), strict=True)
    ]


def _swaps(text: str, adversarial_text: str) -> str:
    """Return old and new words, signs that cannot be seen told by number."""
    pairs = swapped_words(text, adversarial_text)
    shown = [f"{visible(old)} → {visible(new)}" for old, new in pairs[:_SHOWN]]
    return "; ".join([*shown, *(["…"] if len(pairs) > _SHOWN else [])])


def _epsilon(epsilon: float, norm: Norm) -> str:
    if norm == "words":
        return epsilon_label(epsilon, norm)
    return f"{epsilon * 255:g}/255" if norm == "linf" else f"{epsilon:g}"
