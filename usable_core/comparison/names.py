"""What to call the models of a comparison: short, and each name once.

`ResNet` says who is meant better than `folder//data/team/runs/2024/resnet_final`; the reference
stays in the table, in JSON and behind the mouse.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import PurePosixPath

from usable_core.catalog.models import TITLES
from usable_core.evaluations.result import Measured


def short_names(
    results: Sequence[Measured], titles: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the shortest names, of those that each model may bear, that tell the models apart.

    Args:
        results: Answers; their models are named.
        titles: What people call a reference, such as the title of the training behind `run/ID`.
    """
    of_each = [list(_candidates(result, titles or {})) for result in results]
    levels = [0] * len(results)
    while True:
        found = [names[level] for names, level in zip(of_each, levels, strict=True)]
        count = Counter(found)
        clashing = [
            place
            for place, name in enumerate(found)
            if count[name] > 1 and levels[place] + 1 < len(of_each[place])
        ]
        if not clashing:  # one model twice has no other name: numbers tell it from itself
            return distinct(
                [
                    names[0] if count[name] > 1 else name
                    for names, name in zip(of_each, found, strict=True)
                ]
            )
        for place in clashing:
            levels[place] += 1


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names with a number after those that occur several times."""
    total, seen = Counter(names), Counter[str]()
    taken, found = set(names), []
    for name in names:
        called = name
        while total[name] > 1 and called in taken:
            seen[name] += 1
            called = f"{name} ({seen[name]})"
        taken.add(called)
        found.append(called)
    return tuple(found)


def _candidates(result: Measured, titles: Mapping[str, str]) -> Iterator[str]:
    """Yield what a model may be called, from short to long; longer ones say more."""
    reference, weights = result.provenance.model, result.config.model.weights
    source, _, name = reference.partition("/")
    if reference in titles:
        first = [titles[reference], f"{titles[reference]} ({name})"]
    elif reference in TITLES:
        first = [TITLES[reference], reference]
    elif source == "run":
        first = [reference]
    else:
        first = list(_ends(name or reference))
    yield from first
    beside = _ends(weights) if weights else iter(())
    yield from (f"{first[0]} ({end})" for end in beside)
    yield from chain([reference], [f"{reference} ({weights})"] if weights else [])


def _ends(path: str) -> Iterator[str]:
    """Yield the last part of a path without its ending, then with more and more folders."""
    parts = [part for part in PurePosixPath(path.replace("\\", "/")).parts if part != "/"]
    ending = PurePosixPath(parts[-1]).suffix if parts else ""
    if ending in (".pt", ".pt2", ".pth", ".safetensors", ".bin", ".ckpt"):
        parts[-1] = parts[-1].removesuffix(ending)
    yield from ("/".join(parts[-count:]) for count in range(1, len(parts) + 1))
