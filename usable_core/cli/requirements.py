"""`usable requirements`: a file of requirements to start from."""

from typing import Annotated

import typer

from usable_core.catalog import lookup
from usable_core.catalog.starts import STARTS, USUAL
from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer
from usable_core.verdicts.requirement_files import to_toml
from usable_core.verdicts.requirements import requirements_of


def requirements(
    start: Annotated[
        str, typer.Option(help=f"What to start from. One of {', '.join(STARTS)}.")
    ] = USUAL,
    json: JsonOption = None,
) -> None:
    """Print a file of requirements to start from: `usable requirements > usable.toml`."""
    row = lookup(STARTS, "start", start)
    text = to_toml(requirements_of(row.require), title=f"{row.title}: {row.help}")
    answer({"start": start, **vars(row), "toml": text}, json, [text.rstrip()])
