"""What the Is-it-fit page asks about attacks on texts."""

from typing import TypedDict

from dashboard import state
from dashboard.components.measure.text_attack_settings import NOBODY, judge_picker
from dashboard.components.shared.formats import choose_one
from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.evaluations.specs import ModelSpec
from usable_core.verdicts.assessment import SWAPS, AssessmentConfig


class OfTexts(TypedDict, total=False):
    """Fields of `AssessmentConfig`."""

    swaps: str
    judge: ModelSpec | None


def swaps_settings() -> OfTexts:
    """Ask what attacks swap words for, and who judges what broken texts say."""
    swaps = choose_one(
        "Swaps of words",
        {name: row.title for name, row in TEXT_PRESETS.items()},
        key=state.ASSESS_SWAPS,
        default=SWAPS,
        help="\n\n".join(f"**{row.title}**: {row.help}" for row in TEXT_PRESETS.values()),
    )
    judge = judge_picker(state.ASSESS_JUDGE)
    return {"swaps": swaps, "judge": None if judge == NOBODY else ModelSpec(judge)}


def shown_of(asked: AssessmentConfig) -> dict[str, str]:
    """Return the values that have `swaps_settings` show the attacks of a question."""
    judge = asked.judge.reference if asked.judge else NOBODY
    return {state.ASSESS_SWAPS: asked.swaps or SWAPS, state.ASSESS_JUDGE: judge}
