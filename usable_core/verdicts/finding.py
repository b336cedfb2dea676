"""Everything that stands beside the verdicts, from what was measured of each candidate."""

from collections.abc import Collection, Mapping
from typing import cast

from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.verdicts.findings import Findings
from usable_core.verdicts.not_measured import not_measured
from usable_core.verdicts.paces import paces_of
from usable_core.verdicts.slices import worst_of
from usable_core.verdicts.trust import Answers, trust


def findings_of(
    answers: Answers,
    refused: Mapping[str, Mapping[str, str]],
    tasks: Mapping[str, str],
    *,
    seed: int = 0,
    earlier: Collection[tuple[str, str]] = (),
) -> Findings:
    """Return what stands beside the verdicts of several candidates.

    Args:
        answers: What was measured of each, by its name and by task.
        refused: Why something was not, by the same.
        tasks: Everything that could be measured, with its title.
        seed: Of all randomness.
        earlier: By candidate and task, what the store had the answer of.
    """
    slices = {
        name: worst_of(cast(AccuracyResult, of["accuracy"]))
        for name, of in answers.items()
        if "accuracy" in of
    }
    open_ = not_measured(answers, refused, tasks)
    return Findings(slices, trust(answers, seed=seed), open_, paces_of(answers, earlier))
