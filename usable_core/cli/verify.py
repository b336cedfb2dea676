"""`usable verify`: is an evidence file what was written, and does its verdict follow from it?"""

from pathlib import Path
from typing import Annotated

import typer

from usable_core.cli.options import JsonOption
from usable_core.cli.output import Line, answer, columns, progress_bar
from usable_core.evaluations.specs import MOST_SEED
from usable_core.verdict_files.rerunning import EXAMPLES, Sample
from usable_core.verdict_files.verifying import Verified
from usable_core.verdict_files.verifying import verify as verified

EQUAL, DIFFERS = 0, 1
FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="Folder of the evidence file, its verdict.html, or a zip."),
]
SignersOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Who may sign (allowed signers of ssh-keygen); demanded."),
]


def verify(
    file: FileArgument,
    rerun: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Examples that each model is asked again.")
    ] = EXAMPLES,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of their draw.")] = 0,
    trust: Annotated[
        bool, typer.Option("--trust", help="Ask models too whose files can run code.")
    ] = False,
    signers: SignersOption = None,
    json: JsonOption = None,
) -> int:
    """Check an evidence file: exit 0 where all is as it was written, 1 where something differs."""
    with progress_bar():
        found = verified(file, sample=Sample(rerun, seed, trust), signers=signers)
    data = {
        "is_equal": found.is_equal,
        "problems": [{"part": part, "sentence": why} for part, why in found.problems],
        "notes": found.notes,
        "signer": found.signer,
        "sentence": found.sentence,
    }
    answer(data, json, lines(found))
    return EQUAL if found.is_equal else DIFFERS


def lines(found: Verified) -> list[Line]:
    """Return what came of it for people: what differs first."""
    if found.problems:
        many = f"{len(found.problems)} things differ" if len(found.problems) > 1 else "It differs"
        said: list[Line] = [f"{many}:", columns("Part", "", rows=found.problems)]
    else:
        said = ["Every hash holds, and every number follows from the records."]
        said += [f"Its verdict: {found.sentence}"]
    signed = f"Signed by {found.signer}." if found.signer else "It is not signed."
    return [*said, "", *found.notes, signed]
