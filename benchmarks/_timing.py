"""Timing of contenders side by side: interleaved in one process, compared round by round.

A machine's speed drifts, so a ratio is the median over the rounds of one contender's time divided
by the floor's in the same round. With one thread the processor's clock is read, which other work on
the machine hardly disturbs; with more, the wall's.
"""

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

THREADS = int(os.environ.get("USABLE_BENCHMARK_THREADS", "1"))
torch.set_num_threads(THREADS)


@dataclass(frozen=True)
class Timing:
    """What one contender took.

    Attributes:
        name: As it stands in the table.
        seconds: Median over the rounds.
        ratio: Median over the rounds of its time divided by the floor's.
        spread: Smallest and largest of these ratios.
    """

    name: str
    seconds: float
    ratio: float
    spread: tuple[float, float]


def clock() -> float:
    """Return processor seconds with one thread, wall seconds with more."""
    return time.process_time() if THREADS == 1 else time.perf_counter()


def interleave(
    contenders: dict[str, Callable[[], object]], *, rounds: int = 5, warm_up: int = 2
) -> list[Timing]:
    """Return the timing of each contender; the first is the floor. Rounds of warming up first.

    The order turns by one place each round, so that nobody always runs after the same other.
    """
    names = list(contenders)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds + warm_up):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            gc.collect()
            began = clock()
            contenders[name]()
            if turn >= warm_up:
                taken[name].append(clock() - began)
    floor = taken[names[0]]
    return [of_rounds(name, taken[name], floor) for name in names]


def of_rounds(name: str, seconds: list[float], floor: list[float]) -> Timing:
    """Return a contender's timing from its seconds in each round and the floor's."""
    ratios = [a / b for a, b in zip(seconds, floor, strict=True)]
    spread = min(ratios), max(ratios)
    return Timing(name, statistics.median(seconds), statistics.median(ratios), spread)


def markdown(timings: list[Timing], count: int, unit: str = "image") -> str:
    """Return a table of contenders that each worked on `count` units."""
    lines = [
        f"| contender | ms per {unit} | × floor | range |",
        "|---|---:|---:|---:|",
    ]
    for timing in timings:
        low, high = timing.spread
        each = timing.seconds / count * 1000
        lines.append(
            f"| {timing.name} | {each:.3f} | {timing.ratio:.2f} | {low:.2f} to {high:.2f} |"
        )
    return "\n".join(lines)


def conditions() -> str:
    """Return one line on how the figures came about."""
    which = "processor" if THREADS == 1 else "wall"
    return (
        f"torch {torch.__version__}, python {platform.python_version()}, {THREADS} thread(s), "
        f"{which} clock, interleaved rounds, medians of per-round ratios"
    )
