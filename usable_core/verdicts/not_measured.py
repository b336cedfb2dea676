"""What a verdict does not rest on, by name: made of what was not asked, never a fixed sentence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.text_attacks import KNOWN as ATTACKS
from usable_core.catalog.text_corruptions import KNOWN, kind_of
from usable_core.evaluations.accuracy import ABOUT
from usable_core.evaluations.corruption import SEVERITIES
from usable_core.evaluations.epsilon import NORM_TITLES, PIXEL_NORMS, epsilon_label
from usable_core.evaluations.result import Measured
from usable_core.verdicts.trust import Answers

ALWAYS = (
    "Data from elsewhere: other cameras, places, times and ways of choosing pictures",
    "What a wrong answer costs, and whether people understand the maps",
)


def not_measured(
    answers: Answers, refused: Mapping[str, Mapping[str, str]], tasks: Mapping[str, str]
) -> tuple[str, ...]:
    """Return what was not measured of several candidates, each once, as names with their reasons.

    Args:
        answers: What was measured of each.
        refused: Why something was not, by the candidate's name, then by task.
        tasks: Everything that could be measured, with its title.
    """
    found = list(_lacking(answers, refused, tasks))
    by_task: dict[str, list[Measured]] = {}
    for of in answers.values():
        for task, result in of.items():
            by_task.setdefault(task, []).append(result)
    for task, of_task in _OF_TASK.items():
        if task in by_task:
            found += of_task(by_task[task])
    if "accuracy" in by_task:
        found += _fewer(by_task, tasks)
    return tuple(dict.fromkeys([*found, "Other seeds and trainings of the same models", *ALWAYS]))


def _lacking(
    answers: Answers, refused: Mapping[str, Mapping[str, str]], tasks: Mapping[str, str]
) -> Iterator[str]:
    by_reason: dict[tuple[str, str], list[str]] = {}
    for task, title in tasks.items():
        for name in (name for name in answers if task not in answers[name]):
            why = refused.get(name, {}).get(task, "").rstrip(".")
            by_reason.setdefault((name, why), []).append(title)
    for (name, why), titles in by_reason.items():
        yield f"{', '.join(titles)} of {name}" + (f": {why}" if why else "")


def _accuracy(results: Sequence[Measured]) -> Iterator[str]:
    result = results[0]
    absent = set(range(len(result.provenance.class_names))) - set(result.records["label"])
    if absent:
        names = [result.provenance.class_names[i] for i in sorted(absent)]
        more = ", …" if len(names) > 5 else ""
        yield f"{len(names):,} classes without an example ({', '.join(names[:5])}{more})"
    if not any(str(column).startswith(ABOUT) for column in result.records):
        yield "Groups within the data: they have no columns beside the class"
    if result.provenance.refused:
        yield f"{len(result.provenance.refused):,} pictures that were left out"


def _robustness(results: Sequence[Measured]) -> Iterator[str]:
    config = cast(Any, results[0].config)
    used = {attack.name for attack in config.attacks}
    if config.kind == "picture":
        norms = [NORM_TITLES[norm] for norm in PIXEL_NORMS if norm != config.norm]
        yield f"Attacks in other norms: {', '.join(norms)}"
    others = [
        row.title
        for name, row in ATTACKS.items()
        if config.norm in row.norms and name not in used and not _is_noise(name)
    ]
    if others:
        yield f"Other attacks ({NORM_TITLES[config.norm]}): {', '.join(others)}"
    yield f"Budgets above ε = {epsilon_label(max(config.epsilons), config.norm)}"


def _corruption(results: Sequence[Measured]) -> Iterator[str]:
    config = cast(Any, results[0].config)
    kind = kind_of(config.corruptions[0])
    known = {name: row.title for name, row in KNOWN.items() if kind_of(name) == kind}
    others = [title for name, title in known.items() if name not in config.corruptions]
    if others:
        yield f"Corruptions: {', '.join(others)}"
    severities = [str(one) for one in SEVERITIES if one not in config.severities]
    if severities:
        yield f"Severities of corruption: {', '.join(severities)}"


def _explanation(results: Sequence[Measured]) -> Iterator[str]:
    config = cast(Any, results[0].config)
    others = [row.title for name, row in EXPLAINERS.items() if name not in config.methods]
    if others:
        yield f"Maps by {', '.join(others)}"
    if config.evidence != "all":
        yield "Sanity of the maps: random weights, another class, a second background, ROAD"


_OF_TASK = {
    "accuracy": _accuracy,
    "robustness": _robustness,
    "corruption": _corruption,
    "explanation": _explanation,
}


def _fewer(by_task: Mapping[str, Sequence[Measured]], tasks: Mapping[str, str]) -> Iterator[str]:
    n = by_task["accuracy"][0].n
    for task, results in by_task.items():
        fewest = min(result.n for result in results)
        if fewest < n:
            yield f"{tasks.get(task, task)} on {n - fewest:,} of the {n:,} examples"


def _is_noise(name: str) -> bool:
    return name.endswith("noise")
