"""The tables of `usable.assess` beside the notebook: times by part, and both sides' numbers."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

AIM = 4.0
NAMES = ("VGG, digits", "ResNet, digits", "ViT, fine-tuned")
METHODS = {"lime": "lime", "partition_shap": "shap"}
CHECKS = ("randomised", "other_class")
LEFT_OUT = (
    "intervals of everything but accuracy; the four examples walked at every ε, margin loss, "
    "gradient, repeat and rising-loss checks of the attack; ROAD and the error of each map; "
    "convergence; multiply-adds, memory, energy and the search for a batch size; duplicates, "
    "suspicious labels, worst slices, paired comparisons, groups, chances; files, store, verdict"
)


@dataclass(frozen=True)
class Answer:
    """What one side said, and its processor time (s) in all and by part."""

    found: dict[str, Any]
    seconds: float

    @property
    def parts(self) -> dict[str, float]:
        """Return the seconds of each part."""
        parts: dict[str, float] = self.found["seconds"]
        return parts


def times(rounds: list[tuple[Answer, Answer]]) -> Iterator[str]:
    """Yield the processor times of both sides and their ratios."""
    yield "| part | usable, s | notebook, s |"
    yield "|---|---:|---:|"
    ours, theirs = rounds[-1]
    for part in sorted({*ours.parts, *theirs.parts}):
        cells = (f"{one.parts[part]:.1f}" if part in one.parts else "" for one in (ours, theirs))
        yield f"| {part} | {' | '.join(cells)} |"
    ratios = [second.seconds / first.seconds for first, second in rounds]
    medians = (statistics.median(one.seconds for one in side) for side in zip(*rounds, strict=True))
    yield f"| **all, processor time** | {' | '.join(f'{one:.1f}' for one in medians)} |"
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    yield f"\nTimes as fast: {statistics.median(ratios):.2f} ({spread}); aim: {AIM:g}."
    yield f"The notebook leaves out: {LEFT_OUT}."


def numbers(ours: Answer, theirs: Answer) -> Iterator[str]:
    """Yield what both sides found."""
    yield "| model | number | usable | notebook |"
    yield "|---|---|---:|---:|"
    for reference, mine, other in zip(
        NAMES, ours.found["models"], theirs.found["models"], strict=False
    ):
        own = mine["accuracy"]
        same = sum(a == b for a, b in zip(own["predictions"], other["predictions"], strict=True))
        yield f"| {reference} | same prediction | {same} of {len(own['predictions'])} | |"
        yield f"| | accuracy | {interval(own)} | {interval(other)} |"
        yield f"| | calibration error | {own['ece']:.12f} | {other['ece']:.12f} |"
        yield from robust(mine["robustness"], other)
        both = mine["corruption"]["corruption"], other["corruption"]
        yield f"| | under corruptions | {both[0]:.1%} | {both[1]:.1%} (other constants) |"
        for name, theirs_name in METHODS.items():
            maps = [one for one in other["explanation"] if one["method"] == theirs_name]
            for check in CHECKS:
                value = mine["explanation"]["methods"][name][check]
                median = statistics.median(one[check] for one in maps)
                yield f"| | {name}, {check} | {value:.2f} | {median:.2f} |"


def interval(found: dict[str, float]) -> str:
    """Return an accuracy with its interval."""
    return f"{found['accuracy']:.4%} ({found['low']:.4%} to {found['high']:.4%})"


def robust(mine: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """Yield the accuracies at each budget above 0, under attack and under noise."""
    for epsilon, *both, noise, noise_other in zip(
        mine["epsilons"][1:],
        mine["robust"][1:],
        other["robust"],
        mine["noise"][1:],
        other["noise"],
        strict=True,
    ):
        pairs = zip(both, (noise, noise_other), strict=True)
        cells = " | ".join(f"{a:.1%} (noise {b:.1%})" for a, b in pairs)
        yield f"| | under attack, ε = {255 * epsilon:g}/255 | {cells} |"
