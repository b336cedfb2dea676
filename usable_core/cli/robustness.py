"""An answer of robustness for a terminal."""

import math

from usable_core.catalog.checks import CHECKS
from usable_core.cli.output import Line, about, share, table
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.runs.run import Run


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


def _epsilon(epsilon: float, norm: str) -> str:
    return f"{epsilon * 255:g}/255" if norm == "linf" else f"{epsilon:g}"
