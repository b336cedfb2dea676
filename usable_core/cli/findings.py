"""What stands beside a verdict, for a terminal."""

from usable_core.cli.output import Line, table
from usable_core.verdicts.findings import Findings
from usable_core.verdicts.paces import Pace

MOST = 3  # slices of each model: `usable slices RUN` says all
MARKS = {"good": "good", "doubt": "look", "bad": "wrong", "unknown": "unknown"}


def finding_lines(found: Findings) -> list[Line]:
    """Return where the models fail, how far to believe that, what it cost, and what is open."""
    said: list[Line] = ["", "Where they fail"] if found.slices else []
    for name, slices in found.slices.items():
        said.append(f"{name}: {slices.sentence}")
        said += [f"  {one.sentence}, p {one.p_text}" for one in slices.worst[1:MOST]]
    if found.trust:
        rows = [(MARKS[one.tone], f"{one.title}: {one.sentence}") for one in found.trust]
        said += ["", "Trust in the measurement", table("", "", rows=rows)]
    if found.paces:
        said += ["", "Cost", *map(_pace, found.paces)]
    if found.not_measured:
        said += ["", "Not measured", *(f"- {name}" for name in found.not_measured)]
    return said


def _pace(one: Pace) -> str:
    on = f" ({one.told})" if one.told else ""
    return f"{one.model}: {one.what} {one.found}{on}"
