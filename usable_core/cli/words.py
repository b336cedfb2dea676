"""`usable words`: what the field's words mean, in plain ones."""

from typing import Annotated

import typer

from usable_core.catalog import lookup
from usable_core.catalog.words import WORDS
from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer


def words(
    word: Annotated[
        str | None, typer.Argument(metavar="[WORD]", help=f"One of {', '.join(WORDS)}.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Print what the words on pages and in answers mean; all of them where none is named."""
    rows = WORDS if word is None else {word: lookup(WORDS, "word", word)}
    told = {name: {"title": row.title, "meaning": row.meaning} for name, row in rows.items()}
    answer(told, json, [f"{row.title}: {row.meaning}" for row in rows.values()])
