"""A verdict as a notebook shows it: the sentence, then each model's requirements."""

from collections.abc import Sequence

from usable_core.reports.cells import Mark, cell, text
from usable_core.verdicts.assessment import AssessmentResult
from usable_core.verdicts.checking import Checked
from usable_core.verdicts.verdict import Verdict, rounded, shown

_HEADS = ("", "required", "found (95 %)", "n", "n to decide")


def as_html(result: AssessmentResult) -> str:
    """Return the verdict as HTML without a style of its own; names in it are no markup."""
    said = f"<p><strong>{text(result.sentence)}</strong></p>"
    return f"<div>{said}{''.join(map(_model, result.verdicts))}</div>"


def _model(verdict: Verdict) -> str:
    doubts = [
        f"{' and '.join(one.text for one in of)}: {why}" for why, of in verdict.reasons.items()
    ]
    said = [verdict.sentence, *doubts, f"Next: {verdict.next_step}"]
    rows = "".join(_row("td", _cells(one)) for one in verdict.checked)
    return f"<table>{_row('th', _HEADS)}{rows}</table>{''.join(f'<p>{text(s)}</p>' for s in said)}"


def _cells(one: Checked) -> tuple[object, ...]:
    found = shown(one.requirement, one.found) if one.found else "not measured"
    count = f"{one.found.n:,}" if one.found else ""
    needed = f"about {rounded(one.examples):,}" if one.examples else ""
    return Mark(one.outcome), one.requirement.text, found, count, needed


def _row(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell(one)}</{tag}>' for one in cells)}</tr>"
