"""`usable models export`: a model as a file or folder that other programs read."""

from pathlib import Path
from typing import Annotated

import typer

from usable_core.catalog.exports import EXPORTS
from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer, progress_bar
from usable_core.evaluations.specs import ModelSpec
from usable_core.exporting import export_model
from usable_core.files import size_said

_FORMATS = " ".join(f"{name}: {row.help}" for name, row in EXPORTS.items())


def export(
    model: Annotated[ModelSpec, typer.Argument(metavar="REF", help="Reference of a model.")],
    format: Annotated[
        str, typer.Option(help=f"One of {', '.join(EXPORTS)}. {_FORMATS}", show_default=False)
    ],
    out: Annotated[Path, typer.Option(metavar="PATH", help="The file or folder that is made.")],
    json: JsonOption = None,
) -> None:
    """Write a model for production or another library, read it again and compare the logits."""
    with progress_bar():
        found = export_model(model, out, format=format)
    row = EXPORTS[format]
    lines = [
        f"{found.path}  {row.title}, {size_said(found.size)}",
        row.help,
        f"Read again: its logits differ from those of {found.model} by at most "
        f"{found.largest_difference:.2g} (largest logit {found.largest_logit:.3g}, "
        f"{found.examples} examples).",
        f"Read by: {row.readers}",
    ]
    answer(found, json, lines)
