"""How rows of examples that were measured again differ from those that were recorded.

Each function yields sentences without their ends. What rounds otherwise, another device or another
batch, is allowed for by the tolerances.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from usable_core.evaluations.explanation_columns import FIGURES, TEXT_FIGURES
from usable_core.models.model import Model

Rows = list[dict[str, Any]]
Differing = Callable[[Rows, Rows, Sequence[str]], Iterator[str]]
PROBABILITY = 0.02  # other devices round otherwise, bfloat16 by 0.004
FIGURE = 0.05  # of a map: absolute, and of its size
SIMILARITY = 0.02  # of two texts, to a judge
SHORT = 3  # epsilons of a grid of which each counts


def answered(said: Rows, now: Rows, names: Sequence[str]) -> Iterator[str]:
    """Yield rows of answers that are not those of now."""
    for old, new in zip(said, now, strict=True):
        under = f" under {old['corruption']} {old['severity']}" if "corruption" in old else ""
        if old["label"] != new["label"]:
            yield f"its class was {names[old['label']]!r} and is {names[new['label']]!r}"
        of_label = [float(np.exp(-row["nll"])) for row in (old, new)]
        if abs(old["confidence"] - new["confidence"]) > PROBABILITY:
            yield f"it was {old['confidence']:.3f} sure{under}, and is {new['confidence']:.3f}"
        elif abs(of_label[0] - of_label[1]) > PROBABILITY:
            yield f"its class had {of_label[0]:.3f}{under}, and has {of_label[1]:.3f}"
        elif old["prediction"] != new["prediction"] and not _is_close(old, new, of_label[1]):
            yield (
                f"it said {names[old['prediction']]!r}{under}, and says "
                f"{names[new['prediction']]!r}"
            )


def _is_close(old: dict[str, Any], new: dict[str, Any], of_label: float) -> bool:
    """Tell whether two classes that were answered are about as probable as each other."""
    if new["label"] == old["prediction"]:
        return bool(new["confidence"] - of_label <= PROBABILITY)
    return bool(new["confidence"] <= 0.5 + PROBABILITY)


def withstood(said: Rows, now: Rows, names: Sequence[str]) -> Iterator[str]:
    """Yield how an example withstands more or less than it did, by more than one ε of the grid."""
    old, new = said[0], now[0]
    for name in ("label", "clean_prediction"):
        if old[name] != new[name]:
            yield f"it had the {name} {names[old[name]]!r}, and has {names[new[name]]!r}"
            return
    grid = [row["epsilon"] for row in said]
    broken = [sum(row["prediction"] == row["label"] for row in rows) for rows in (said, now)]
    if abs(broken[0] - broken[1]) > (1 if len(grid) > SHORT else 0):
        words = [_first_broken(grid, place) for place in broken]
        yield f"it {words[0]}, and now {words[1]}"


def _first_broken(grid: Sequence[float], place: int) -> str:
    if place >= len(grid):
        return f"withstood ε = {grid[-1]:.4g}"
    return f"broke at ε = {grid[place]:.4g}"


def mapped(said: Rows, now: Rows, names: Sequence[str]) -> Iterator[str]:
    """Yield the figures of maps that are not those of now."""
    for old, new in zip(said, now, strict=True):
        for name in ("label", "prediction", "target"):
            if old[name] != new[name]:
                yield f"the {name} of {old['method']} was {old[name]} and is {new[name]}"
        for name in [name for name in dict.fromkeys((*FIGURES, *TEXT_FIGURES)) if name in old]:
            one, other = float(old[name]), float(new[name])
            if not np.isclose(one, other, rtol=FIGURE, atol=FIGURE, equal_nan=True):
                yield f"{name} of {old['method']} was {one:.4g} and is {other:.4g}"


def judged(judge: Model) -> Differing:
    """Return what yields how a judge reads an example otherwise than it did.

    Rows are those of one example by epsilon, as they were and as they are; nothing is compared
    where another text broke the model, which the attack's own comparison tells where it matters.
    """

    def differing(said: Rows, now: Rows, names: Sequence[str]) -> Iterator[str]:
        old, new = said[-1], now[-1]
        if not old["adversarial_text"] or old["adversarial_text"] != new["adversarial_text"]:
            return
        for column, text in (("judge_clean_prediction", "text"), ("judge_prediction", None)):
            one, other = int(old[column]), int(new[column])
            if one != other and not _is_torn(judge, str(old[text or "adversarial_text"])):
                read, reads = _name(names, one), _name(names, other)
                yield f"{judge.name} read {read} in it, and reads {reads}"
                return
        if abs(old["similarity"] - new["similarity"]) > SIMILARITY:
            yield (
                f"its similarity to {judge.name} was {old['similarity']:.3f} and is "
                f"{new['similarity']:.3f}"
            )

    return differing


def _is_torn(judge: Model, text: str) -> bool:
    """Tell whether a judge's two most probable classes of a text are about as probable."""
    first, second = judge.predict(text, top=2)[0]
    return first.probability - second.probability <= PROBABILITY


def _name(names: Sequence[str], number: int) -> str:
    """Return a class by the attacked model's number, which classes of the judge alone have not."""
    return repr(names[number]) if 0 <= number < len(names) else "a class that the model has not"
