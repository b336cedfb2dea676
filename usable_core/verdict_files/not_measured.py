"""What a verdict says nothing about, by name: nobody should have to guess what was left out."""

from collections.abc import Iterable, Sequence
from typing import get_args

from usable_core import tasks
from usable_core.catalog.attacks import ATTACKS
from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.requirements import REQUIREMENTS
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.epsilon import NORM_TITLES
from usable_core.evaluations.explanation import ExplanationConfig
from usable_core.evaluations.result import Result
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import Norm
from usable_core.verdicts.assessment import AssessmentResult


def not_measured(result: AssessmentResult, answers: Sequence[Result]) -> list[str]:
    """Return what was not measured, one sentence for each kind.

    Args:
        result: The verdict.
        answers: The answers that it rests on.
    """
    configs = [answer.config for answer in answers]
    data = result.config.dataset
    part = f"{data.reference} ({data.split}{f', {data.limit:,} examples' if data.limit else ''})"
    found = [f"Other data than {part}: other cameras, places, times and people."]
    for one in result.verdicts:
        lacking = [c.requirement.title for c in one.checked if c.found is None]
        found += [f"Of {one.model}: {', '.join(lacking)}."] if lacking else []
    kinds = {tasks.name_of(config) for config in configs}
    all_kinds = dict.fromkeys(row.task for row in REQUIREMENTS.values())
    found += _left_out("Evaluations", [tasks.TASKS[k].title for k in all_kinds if k not in kinds])
    attacked = [config for config in configs if isinstance(config, RobustnessConfig)]
    found += _left_out(
        "Norms", [NORM_TITLES[n] for n in get_args(Norm) if n not in {c.norm for c in attacked}]
    )
    names = {attack.name for config in attacked for attack in config.attacks}
    found += _left_out("Attacks", [row.title for name, row in ATTACKS.items() if name not in names])
    corrupted = [config for config in configs if isinstance(config, CorruptionConfig)]
    names = {name for config in corrupted for name in config.corruptions}
    rows = [row.title for name, row in CORRUPTIONS.items() if name not in names]
    found += _left_out("Corruptions", rows)
    explained = [config for config in configs if isinstance(config, ExplanationConfig)]
    names = {name for config in explained for name in config.methods}
    rows = [row.title for name, row in EXPLAINERS.items() if name not in names]
    found += _left_out("Explanation methods", rows)
    found.append("How much another training of the same network, with another seed, would differ.")
    found.append("Whether people understand the maps, and decide better with them.")
    return found


def _left_out(kind: str, titles: Iterable[str]) -> list[str]:
    named = ", ".join(titles)
    return [f"{kind}: {named}."] if named else []
