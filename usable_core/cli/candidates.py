"""Several candidates side by side, for people in a terminal."""

from usable_core.cli.output import Line, table
from usable_core.verdicts.candidates import Candidates
from usable_core.verdicts.standing import chance_text
from usable_core.verdicts.verdict import rounded


def side_by_side(found: Candidates) -> list[Line]:
    """Return each number of each candidate, where it is on all axes, and who is left out."""
    return [*([_numbers(found), _places(found)] if found.axes else []), *found.notes]


def _numbers(found: Candidates) -> Line:
    """Return one row per axis and candidate, the highest first."""
    rows = []
    for place, axis in enumerate(found.axes):
        at, chances = axis.standing, found.chances(place)
        needed = f"about {rounded(at.examples):,}" if at.examples else ""
        for k in at.order:
            one = at.values[k]
            rows.append(
                (
                    axis.title if k == at.order[0] else "",
                    found.names[k],
                    f"{100 * one.value:.1f} %",
                    f"{100 * one.low:.1f} % to {100 * one.high:.1f} %",
                    at.groups[k],
                    "may be" if k in at.best else "",
                    "too close" if at.is_too_close else chance_text(chances[k]),
                    needed if k == at.order[0] else "",
                )
            )
    heads = ("compared in", "model", "", "95 % interval", "group", "the best", "chance to be first")
    return table(*heads, "examples to separate the first two", rows=rows)


def _places(found: Candidates) -> Line:
    """Return one row per candidate: where it is on all axes together."""
    equal, all_ = found.first(), found.first_over_all_weights
    rows = [
        (name, at.words, chance_text(equal[k]), chance_text(all_[k]))
        for k, (name, at) in enumerate(zip(found.names, found.front, strict=True))
    ]
    heads = ("model", "on all axes", "first, all weighing the same", "first, whatever the weights")
    return table(*heads, rows=rows)
