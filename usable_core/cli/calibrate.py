"""`usable calibrate`: how sure a model may be, and which images it does not know."""

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from usable_core import files
from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer, progress_bar, remark
from usable_core.errors import StorageError, first_line
from usable_core.evaluations.calibration import Calibration
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.records import to_json
from usable_core.runs import calibrations


def calibrate(
    model: ModelSpec,
    dataset: DatasetSpec,
    card: Annotated[
        Path | None,
        typer.Option(help="Put it into this card (a JSON file) instead of keeping it here."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Fit a model's temperature, and the energy below which an image is unlike its task's."""
    from usable_core import api

    if card is None:
        calibrations.check()
    else:
        _content(card)
        files.check_file(card)
    with progress_bar() as report:
        found = api.calibrate(model, dataset, report=report, keep=card is None)
    for warning in found.warnings:
        remark(f"Note: {warning}")
    if card is not None:
        _put_into(card, found)
    lines: list[str | Table] = [
        f"{model.reference} on {found.data}",
        f"temperature {found.temperature:.3f}: negative log-likelihood {found.nll:.4f} "
        f"to {found.nll_calibrated:.4f}",
        f"An image whose log-sum-exp of the logits is below {found.energy_threshold:.2f} is unlike "
        "95 % of these.",
        *(f"Note: {warning}" for warning in found.warnings),
    ]
    answer(to_json(found), json, lines)


def _put_into(card: Path, found: Calibration) -> None:
    content = _content(card) | {"calibration": to_json(found)}
    text = json_module.dumps(content, indent=2, ensure_ascii=False) + "\n"
    files.write_bytes(card, text.encode(errors="backslashreplace"))


def _content(card: Path) -> dict[str, Any]:
    """Return what a card holds.

    Raises:
        StorageError: it is no card.
    """
    try:
        content = json_module.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(f"The card {card} cannot be read: {first_line(error)}.") from error
    if not isinstance(content, dict):
        raise StorageError(f"The card {card} holds no JSON object. Name the card.json of a model.")
    return content
