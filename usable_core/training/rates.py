"""How the learning rate goes: the share of its peak at each step."""

import math
from collections.abc import Callable

from usable_core.evaluations.schedule import Schedule

LEAST_RISE, LEAST_FALL = 25, 1e4  # of one cycle: Smith & Topin 2018, arXiv:1708.07120; as torch has
FALLS = (0.5, 0.75)  # of the steps: He et al. 2016, arXiv:1512.03385, section 4.2
FALL = 0.1


def learning_rate_factor(schedule: Schedule, step: int, total: int) -> float:
    """Return the share of the peak rate at a step.

    Args:
        schedule: Says how it decays and how long it rises before.
        step: From 0; `total` is after the last.
        total: Steps of the whole training.
    """
    rise = max(1, round(total * schedule.warmup)) if schedule.warmup else 0
    if schedule.decay == "one_cycle":
        return _one_cycle(step, rise, total)
    if step < rise:
        return (step + 1) / rise
    return DECAYS[schedule.decay](min(1.0, (step - rise) / max(1, total - rise)), step / total)


# Of the share of the way after the warm-up, and of the whole way: Loshchilov & Hutter 2017,
# arXiv:1608.03983, the first.
DECAYS: dict[str, Callable[[float, float], float]] = {
    "cosine": lambda after, whole: 0.5 * (1 + math.cos(math.pi * after)),
    "constant": lambda after, whole: 1.0,
    "step": lambda after, whole: FALL ** sum(whole >= share for share in FALLS),
}


def _one_cycle(step: int, rise: int, total: int) -> float:
    """Return a rise by half a cosine from a 25th of the peak, and a fall to a 250,000th."""
    peak = max(rise - 1, 0)
    if step <= peak and peak:
        return _between(1 / LEAST_RISE, 1.0, step / peak)
    way = min(1.0, (step - peak) / max(1, total - 1 - peak))
    return _between(1.0, 1 / (LEAST_RISE * LEAST_FALL), way)


def _between(first: float, last: float, way: float) -> float:
    return last + (first - last) / 2 * (1 + math.cos(math.pi * way))
